// Apps and their tokens, for the admin.

import { get, post, remove } from "./api.js";
import { say } from "./announce.js";
import { ask } from "./ask.js";
import { button, el, replace, setText } from "./dom.js";
import { ago, moment } from "./format.js";
import { MODES, field } from "./modes.js";

const SCOPES = [
  ["run", "Run agents: its own runs and sessions"],
  ["monitor", "See all sessions on the machine"],
  ["approve", "Answer what sessions ask that were started by hand"],
  ["control", "Type into the terminals of this machine: all that you can do there"],
  ["adopt", "Go on with conversations that were begun in a terminal"],
  ["metrics", "Read metrics and limits"],
];

export class AccessView {
  constructor() {
    this.body = el("tbody");
    this.told = el("div", { role: "status" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.node = el(
      "section",
      { class: "view", "aria-labelledby": "view-title" },
      el("header", { class: "view-head" }, el("h2", { id: "view-title", tabindex: "-1" }, "Apps and tokens"), button("New app", () => this.make(), { class: "primary" })),
      this.told,
      this.problem,
      el(
        "div",
        { class: "panel" },
        el(
          "div",
          { class: "scroll", tabindex: "0", role: "region", "aria-label": "Apps" },
          el("table", { class: "table" }, el("thead", {}, el("tr", {}, ["App", "May", "Sessions at most", "From", "Made", "Last used", ""].map((name) => el("th", { scope: "col" }, name || el("span", { class: "unseen" }, "Actions"))))), this.body),
        ),
      ),
    );
    this.load();
  }

  async load() {
    try {
      const { tokens } = await get("/admin/tokens");
      replace(this.body, tokens.map((app) => this.row(app)));
    } catch (error) {
      setText(this.problem, error.message);
    }
  }

  row(app) {
    const policy = app.permissions?.mode ?? app.permissions;
    return el(
      "tr",
      {},
      el("td", {}, el("strong", {}, app.name)),
      el("td", {}, app.scopes.map((scope) => el("span", { class: "pill" }, scope))),
      el("td", {}, policy ? String(policy) : el("span", { class: "faint" }, "as the server is set")),
      el("td", { class: "mono" }, app.ip_cidrs.join(", ") || el("span", { class: "faint" }, "anywhere")),
      el("td", { title: moment(app.created_at) }, ago(app.created_at)),
      el("td", { title: moment(app.last_used_at) }, ago(app.last_used_at)),
      el("td", { class: "number" }, app.name === "local" ? el("span", { class: "faint" }, "this machine's own") : button("Revoke", () => this.revoke(app.name), { class: "quiet danger", "aria-label": `Revoke ${app.name}` })),
    );
  }

  make() {
    const name = el("input", { id: "app-name", type: "text", required: true, pattern: "[a-z0-9_\\-]{1,64}", autocomplete: "off", spellcheck: "false" });
    const cidrs = el("input", { id: "app-cidrs", type: "text", placeholder: "anywhere that may call", autocomplete: "off", spellcheck: "false" });
    const policy = el("select", { id: "app-policy" }, MODES.map(([value, text]) => el("option", { value }, text)));
    const scopes = SCOPES.map(([scope, about]) => {
      const box = el("input", { type: "checkbox", id: `scope-${scope}`, value: scope });
      box.checked = scope === "run";
      return { box, node: el("label", { class: "check", for: box.id }, box, el("span", {}, el("strong", {}, scope), " ", el("span", { class: "faint" }, about))) };
    });
    const fields = [
      field("Name", name, "a–z, 0–9, _ and -"),
      el("fieldset", { class: "stack" }, el("legend", {}, "It may"), scopes.map((one) => one.node)),
      field("Its sessions may at most", policy),
      field("From these networks", cidrs, "Such as 10.0.0.0/8, several with commas."),
    ];
    ask("New app", fields, "Make its token", async () => {
      const body = { name: name.value, ip_cidrs: cidrs.value.split(/[\s,]+/).filter(Boolean), scopes: scopes.filter(({ box }) => box.checked).map(({ box }) => box.value) };
      if (policy.value) body.permissions = policy.value;
      this.tell(await post("/admin/tokens", body));
      this.load();
    });
  }

  /** The one moment in which a token can be read. */
  tell({ name, token }) {
    const shown = el("code", { class: "token" }, token);
    const copy = button("Copy", async () => {
      try {
        await navigator.clipboard.writeText(token);
        say("Copied");
      } catch {
        getSelection().selectAllChildren(shown); // no clipboard without https
      }
    });
    replace(this.told, el("div", { class: "notice once" }, el("p", {}, "The token of ", el("strong", {}, name), ". It is shown this once: the server keeps only its hash."), el("div", { class: "actions" }, shown, copy, button("Done", () => replace(this.told), { class: "quiet" }))));
  }

  async revoke(name) {
    const sure = await ask(`Revoke ${name}?`, "Its programs stop working at once. The token cannot be given back.", "Revoke", async () => {
      await remove(`/admin/tokens/${encodeURIComponent(name)}`);
      say(`Revoked ${name}`);
    });
    if (sure) this.load();
  }
}

// What is around the views: the bar with the way to each, how things stand, and the account.

import { button, el, icon, replace, setAttribute, setText } from "./dom.js";
import { all, connectionState, onChange } from "./live.js";
import { nextTheme, theme } from "./theme.js";
import { appName, isAdmin, scopes, version } from "./rights.js";

const WORDS = { connecting: "Connecting …", live: "Live", waiting: "No connection. Trying again …", refused: "Not allowed" };

export class Shell {
  /** @param views [{ route, name, icon }], in their order */
  constructor({ views, onlogout, onadd }) {
    this.links = views.map((view) =>
      el("a", { href: `#/${view.route}`, "data-route": view.route }, icon(view.icon), el("span", {}, view.name)),
    );
    this.badge = el("span", { class: "badge", hidden: true });
    this.links[0]?.append(this.badge);
    this.connection = el("span", { class: "connection", role: "status" });
    this.main = el("main", { id: "main", tabindex: "-1" });
    this.theme = button(icon("theme"), () => this.turn(), { class: "plain", "aria-label": "" });
    this.node = el(
      "div",
      { class: "shell" },
      el(
        "header",
        { class: "top" },
        el("a", { class: "brand", href: "#/" }, el("img", { src: "/page/icon.svg", alt: "", width: "26", height: "26" }), "clawdforge"),
        el("nav", { "aria-label": "Views" }, this.links),
        el("div", { class: "top-end" }, this.connection, this.theme, account({ onlogout, onadd })),
      ),
      this.main,
    );
    this.tellTheme();
    this.stop = onChange(() => this.update());
    this.update();
  }

  close() {
    this.stop();
  }

  /** Show a view, and which it is. */
  show(node, route) {
    replace(this.main, el("h1", { class: "unseen" }, "clawdforge"), node);
    for (const link of this.links) setAttribute(link, "aria-current", link.dataset.route === route ? "page" : null);
  }

  turn() {
    nextTheme();
    this.tellTheme();
  }

  tellTheme() {
    const label = `Colours: ${theme() === "system" ? "as the system" : theme()}`;
    setAttribute(this.theme, "aria-label", label);
    setAttribute(this.theme, "title", label);
  }

  update() {
    const state = connectionState();
    setText(this.connection, WORDS[state]);
    setAttribute(this.connection, "data-state", state);
    let needs = 0;
    for (const card of all().values()) if (card.group === "needs") needs += 1;
    setText(this.badge, String(needs));
    setAttribute(this.badge, "aria-label", needs === 1 ? "1 needs you" : `${needs} need you`);
    this.badge.hidden = needs === 0;
    const title = needs ? `(${needs}) clawdforge` : "clawdforge";
    if (document.title !== title) document.title = title;
    setAttribute(document.querySelector("link[rel=icon]"), "href", needs ? "/page/icon-needs.svg" : "/page/icon.svg");
  }
}

function account({ onlogout, onadd }) {
  const who = [appName(), isAdmin() ? "admin" : null].filter(Boolean).join(" + ");
  return el(
    "details",
    { class: "popover" },
    el("summary", { "aria-label": `Account: ${who}` }, icon("key"), el("span", { class: "who-name" }, who)),
    el(
      "div",
      { class: "popover-body" },
      appName() && el("p", {}, "App ", el("strong", {}, appName()), el("br"), el("span", { class: "faint" }, scopes().join(", ") || "no scopes")),
      isAdmin() && el("p", {}, el("strong", {}, "Admin")),
      button("Add a token", onadd),
      button("Log out", onlogout),
      el("p", { class: "faint" }, `clawdforge ${version()}`),
    ),
  );
}

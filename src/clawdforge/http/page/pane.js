// The terminal of a session that was started by hand: as it looks, and what can be typed there.

import { screen } from "./ansi.js";
import { get, post } from "./api.js";
import { say } from "./announce.js";
import { ask } from "./ask.js";
import { button, el, setText } from "./dom.js";
import { one } from "./live.js";
import { field } from "./modes.js";

const LOOK_MS = 1000;
const SOON_MS = 150; // after something was typed
const AGAIN_MS = 5000; // after it could not be seen
const KEYS = [["↑", "Up"], ["↓", "Down"], ["Enter", "Enter"], ["Esc", "Escape"], ["Tab", "Tab"]];
const AGENTS = ["claude", "codex", "gemini", "qwen", "opencode", "goose", "aider", "amp", "cursor-agent", "copilot"];

export class PaneView {
  constructor(id) {
    this.id = id;
    this.path = `/monitor/sessions/${encodeURIComponent(id)}`;
    this.place = el("span", { class: "faint" });
    this.screen = el("pre", { class: "screen", tabindex: "0", role: "region", "aria-label": "Its terminal, as it looks" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.text = el("input", { type: "text", "aria-label": "Type into its terminal", placeholder: "Type into its terminal", autocomplete: "off", maxlength: "20000" });
    this.body = el(
      "div",
      { class: "pane-body", hidden: true },
      this.screen,
      el(
        "form",
        { class: "pane-input", onsubmit: (event) => this.send(event) },
        this.text,
        el("button", { type: "submit", class: "primary" }, "Send"),
      ),
      el(
        "div",
        { class: "actions", role: "group", "aria-label": "Keys" },
        KEYS.map(([name, key]) => button(name, () => this.press(key), { class: "quiet key", "aria-label": /\w/.test(name) ? null : key })),
        el("span", { class: "space" }),
        button("Interrupt", () => this.act("interrupt", {}, "Interrupted")),
        button("Kill …", () => this.kill(), { class: "danger" }),
      ),
    );
    this.node = el(
      "section",
      { class: "terminal", "aria-labelledby": "terminal-title" },
      el("header", {}, el("h3", { id: "terminal-title" }, "Terminal"), this.place, button("Start another …", () => this.spawn(), { class: "quiet" })),
      this.problem,
      this.body,
    );
    this.shown = () => document.hidden || this.soon(0);
    document.addEventListener("visibilitychange", this.shown);
    this.look();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.shown);
  }

  soon(ms) {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => this.look(), ms);
  }

  async look() {
    if (document.hidden || this.looking) return;
    this.looking = true;
    let pause = LOOK_MS;
    try {
      const told = await get(`${this.path}/screen`);
      this.draw(told);
    } catch (error) {
      pause = AGAIN_MS;
      this.body.hidden = true;
      setText(this.place, error.code === "no_pane" || error.code === "elsewhere" ? error.message : "");
      if (!this.place.textContent) setText(this.problem, error.message);
    }
    this.looking = false;
    this.soon(pause);
  }

  draw({ screen: text, pane, place }) {
    if (this.body.hidden) setText(this.problem, "");
    this.body.hidden = false;
    setText(this.place, `${pane} in ${place}`);
    const marked = getSelection();
    const isMarked = !marked.isCollapsed && this.screen.contains(marked.anchorNode);
    if (text === this.drawn || isMarked) return; // so that it can be copied
    this.drawn = text;
    this.screen.replaceChildren(screen(text.replace(/\s+$/, "")));
  }

  async act(what, body, done) {
    setText(this.problem, "");
    try {
      await post(`${this.path}/${what}`, body);
      if (done) say(done);
      return true;
    } catch (error) {
      setText(this.problem, error.message);
      return false;
    } finally {
      this.soon(SOON_MS);
    }
  }

  async send(event) {
    event.preventDefault();
    const text = this.text.value;
    if (text && (await this.act("input", { text }, "Sent")) && this.text.value === text) this.text.value = "";
  }

  press(key) {
    this.act("input", { keys: [key] });
  }

  async kill() {
    const title = one(this.id)?.title || "this session";
    if (await ask(`End “${title}”?`, "Its pane is closed, and what runs in it ends. What was said is kept by the agent.", "Kill")) {
      this.act("kill", {}, "Killed");
    }
  }

  async spawn() {
    const { view } = one(this.id) ?? {};
    const agent = el("select", { id: "spawn-agent" }, AGENTS.map((name) => el("option", { value: name }, name)));
    if (AGENTS.includes(view?.agent)) agent.value = view.agent;
    const folder = el("input", { id: "spawn-cwd", type: "text", value: view?.cwd ?? "", spellcheck: "false", autocomplete: "off" });
    const model = el("input", { id: "spawn-model", type: "text", placeholder: "its default", spellcheck: "false", autocomplete: "off" });
    const form = [el("div", { class: "form-row" }, field("Agent", agent), field("Model", model)), field("Folder", folder)];
    await ask("Start another agent", form, "Start", async () => {
      const body = { agent: agent.value, beside: this.body.hidden ? null : this.id };
      if (folder.value.trim()) body.cwd = folder.value.trim();
      if (model.value.trim()) body.model = model.value.trim();
      const made = await post("/monitor/spawn", body);
      say(`Started ${made.agent} in ${made.pane}`);
    });
  }
}

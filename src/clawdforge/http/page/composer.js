// The box in which a turn is written.

import { post } from "./api.js";
import { say } from "./announce.js";
import { button, el, icon, setText } from "./dom.js";
import { refresh, setRow } from "./live.js";

const HIGHEST_PX = 260;

export class Composer {
  constructor(sessionId, prompts) {
    this.sessionId = sessionId;
    this.prompts = prompts;
    this.text = el("textarea", {
      rows: "1",
      id: "prompt",
      placeholder: "Tell the agent something",
      "aria-label": "Prompt",
      oninput: () => this.grow(),
      onkeydown: (event) => this.key(event),
    });
    this.text.value = prompts.draft;
    prompts.onrefused = (error) => this.refused(prompts.draft, error);
    this.submit = button([icon("send"), el("span", { class: "unseen" }, "Send")], () => this.send(), { class: "primary round", title: "Send (Enter)" });
    this.stop = button([icon("stop"), "Stop"], () => this.cancel(), { hidden: true, title: "Cancel the turn" });
    this.hint = el("p", { class: "hint", role: "status" });
    this.box = el("div", { class: "composer-box" }, this.text, this.stop, this.submit);
    this.reopen = el("p", { class: "closed-bar", hidden: true }, "This session is closed.", button("Open again", () => this.open()));
    this.node = el("div", { class: "composer" }, this.reopen, this.box, this.hint);
  }

  /** How the session stands now. */
  set({ running, closed }) {
    this.stop.hidden = !running;
    this.running = running;
    this.box.hidden = closed;
    this.reopen.hidden = !closed;
  }

  async open() {
    try {
      setRow(await post(`/sessions/${this.sessionId}/resume`));
      this.text.focus();
    } catch (error) {
      setText(this.hint, error.message);
    }
  }

  grow() {
    this.prompts.draft = this.text.value;
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, HIGHEST_PX)}px`;
  }

  key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.send();
    }
  }

  async send() {
    const prompt = this.text.value;
    if (!prompt.trim()) return;
    this.text.value = "";
    this.grow();
    this.prompts.send(prompt);
    setText(this.hint, this.running ? "Waits for the turn before it …" : "");
    try {
      const { turn_index: turn } = await post(`/sessions/${this.sessionId}/turn`, { prompt, wait: false });
      this.prompts.keep(turn, prompt);
      setText(this.hint, "");
      refresh();
    } catch (error) {
      this.prompts.failed(prompt);
      this.refused(prompt, error);
    }
  }

  refused(prompt, error) {
    if (!this.text.value) this.text.value = prompt;
    this.grow();
    const later = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
    setText(this.hint, `Not sent: ${error.message}${later}`);
  }

  async cancel() {
    this.stop.disabled = true;
    setText(this.hint, "Stopping …");
    try {
      const { cancelled } = await post(`/sessions/${this.sessionId}/cancel`);
      say(cancelled ? "Stopped" : "Nothing ran any more");
      setText(this.hint, "");
    } catch (error) {
      setText(this.hint, `Not stopped: ${error.message}`);
    } finally {
      this.stop.disabled = false;
    }
  }
}

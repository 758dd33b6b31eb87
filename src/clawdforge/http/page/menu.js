// What can be done with a session beside talking to it.

import { patch, post, remove } from "./api.js";
import { say } from "./announce.js";
import { button, el, icon, replace } from "./dom.js";
import { refresh, setRow } from "./live.js";
import { field, modeSelect } from "./modes.js";

export class SessionMenu {
  /** @param onproblem called with what went wrong, in words */
  constructor(id, onproblem) {
    this.id = id;
    this.onproblem = onproblem;
    this.body = el("div", { class: "popover-body" });
    this.node = el(
      "details",
      { class: "popover menu", hidden: true, ontoggle: () => this.draw() },
      el("summary", { "aria-label": "More" }, icon("more")),
      this.body,
    );
  }

  /** How the session stands now. */
  show(row) {
    this.row = row;
    this.node.hidden = false;
    this.draw();
  }

  /** While it is open nothing in it moves: somebody is about to press a button. */
  draw() {
    const { row } = this;
    const closed = row?.state === "closed";
    const told = `${closed} ${row?.model} ${JSON.stringify(row?.options.permissions)}`;
    if (!row || this.node.open || told === this.told) return;
    this.told = told;
    replace(
      this.body,
      closed ? null : this.settings(row),
      el(
        "div",
        { class: "popover-actions" },
        button("Fork", () => this.fork(row)),
        closed ? null : button("Close", () => this.act(() => remove(`/sessions/${this.id}`)), { class: "danger" }),
      ),
      el("p", { class: "faint id" }, this.id),
    );
  }

  settings(row) {
    const policy = row.options.permissions;
    const mode = modeSelect("set-mode", typeof policy === "string" ? policy : policy?.mode);
    const model = el("input", { id: "set-model", type: "text", value: row.model ?? "", placeholder: "its default", spellcheck: "false" });
    const save = button("Save", () =>
      this.act(async () => {
        const change = {};
        if (mode.value) change.permissions = mode.value;
        if (model.value.trim() && model.value.trim() !== row.model) change.model = model.value.trim();
        setRow(await patch(`/sessions/${this.id}`, change));
        say("Saved");
      }),
    );
    return el("div", {}, field("What it may do", mode), field("Model", model), save);
  }

  fork(row) {
    this.act(async () => {
      const made = await post(`/sessions/${this.id}/fork`, { meta: row.meta });
      location.hash = `#/s/${made.session_id}`;
    });
  }

  async act(work) {
    try {
      await work();
      this.node.open = false;
      this.onproblem("");
      refresh();
    } catch (error) {
      this.onproblem(error.message);
    }
  }
}

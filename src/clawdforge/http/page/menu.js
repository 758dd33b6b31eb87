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
    this.node = el("div", { class: "menu" });
  }

  /** How the session stands now. */
  show(row) {
    const told = `${row.state === "closed"} ${row.model} ${JSON.stringify(row.options.permissions)}`;
    if (told === this.told) return;
    this.told = told;
    const closed = row.state === "closed";
    replace(
      this.node,
      el(
        "details",
        { class: "popover" },
        el("summary", { "aria-label": "More" }, icon("more")),
        el(
          "div",
          { class: "popover-body" },
          closed ? null : this.settings(row),
          el(
            "div",
            { class: "popover-actions" },
            button("Fork", () => this.fork(row)),
            closed ? null : button("Close", () => this.act(() => remove(`/sessions/${this.id}`)), { class: "danger" }),
          ),
          el("p", { class: "faint id" }, this.id),
        ),
      ),
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
    const open = this.node.querySelector("details");
    try {
      await work();
      open?.removeAttribute("open");
      this.onproblem("");
      refresh();
    } catch (error) {
      this.onproblem(error.message);
    }
  }
}

// A dialog that asks something before it is done.

import { button, el, setText } from "./dom.js";

/**
 * Ask; whether it was confirmed.
 *
 * @param title what is to be done
 * @param about a sentence, or the fields of a form
 * @param yes the word on the button that does it
 * @param work does it; what it refuses is shown, and the dialog stays
 */
export function ask(title, about, yes, work = async () => {}) {
  if (document.querySelector("dialog[open]")) return Promise.resolve(false);
  return new Promise((resolve) => {
    let done = false;
    const isForm = typeof about !== "string";
    const problem = el("p", { class: "problem", role: "alert" });
    const submit = el("button", { type: "submit", class: isForm ? "primary" : "danger" }, yes);
    const begin = async (event) => {
      event.preventDefault();
      submit.disabled = true;
      setText(problem, "");
      try {
        await work();
        done = true;
        dialog.close();
      } catch (error) {
        setText(problem, error.message);
        submit.disabled = false;
      }
    };
    const end = () => {
      dialog.remove();
      resolve(done);
    };
    const dialog = el(
      "dialog",
      { class: "dialog", "aria-labelledby": "dialog-title", onclose: end },
      el(
        "form",
        { onsubmit: begin },
        el("h2", { id: "dialog-title" }, title),
        isForm ? about : el("p", {}, about),
        problem,
        el("div", { class: "actions end" }, button("Cancel", () => dialog.close()), submit),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelector("input, select, textarea")?.focus();
  });
}

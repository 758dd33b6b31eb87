// Keys for who does not reach for the mouse. They can be turned off.

import { button, el } from "./dom.js";

const KEPT = "clawdforge.keys";
const enabled = () => localStorage.getItem(KEPT) !== "off";

export const KEYS = [
  ["j / k, ↓ / ↑", "the next, the one before in the list"],
  ["Enter", "open it"],
  ["Esc", "back to the list, or close a dialog"],
  ["g", "the first question that waits for you"],
  ["a", "in a question: allow once"],
  ["Shift + A", "in a question: always in this session"],
  ["d", "in a question: deny, with a word why"],
  ["n", "new session"],
  ["p", "write the next prompt"],
  ["/", "filter the list"],
  ["1 … 5", "the views: sessions, usage, ledger …"],
  ["t", "light, dark, or as the system has it"],
  ["?", "this list"],
];

/** Listen for keys; `actions` by key. */
export function listenForKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Escape" && typing) {
      typing.blur();
      return;
    }
    if (typing || document.querySelector("dialog[open]")) return;
    if (!enabled() && event.key !== "?" && event.key !== "Escape") return;
    if (event.key.startsWith("Arrow") && !event.target.closest?.(".list, body > :first-child") && event.target !== document.body) return;
    const action = actions[event.key];
    if (action && action(event) !== false) event.preventDefault();
  });
}

/** The list of keys, as a dialog. */
export function showKeys() {
  if (document.querySelector("dialog[open]")) return;
  const on = el("input", {
    type: "checkbox",
    id: "keys-on",
    onchange: () => localStorage.setItem(KEPT, on.checked ? "on" : "off"),
  });
  on.checked = enabled();
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    el("h2", { id: "keys-title" }, "Keys"),
    el("dl", { class: "keys" }, KEYS.map(([key, about]) => el("div", {}, el("dt", {}, el("kbd", {}, key)), el("dd", {}, about)))),
    el("label", { class: "check", for: "keys-on" }, on, "Keys of a single letter"),
    el("div", { class: "actions end" }, button("Close", () => dialog.close(), { class: "primary" })),
  );
  document.body.append(dialog);
  dialog.showModal();
}

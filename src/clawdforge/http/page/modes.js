// What agents may do, in words; and which agents there are.

import { get } from "./api.js";
import { el } from "./dom.js";

export const MODES = [
  ["", "As the server is set"],
  ["ask", "Ask me before anything"],
  ["allow-reads", "Reading only, refuse the rest"],
  ["allow-all", "Everything, without asking"],
  ["deny", "Nothing"],
];

let known = null;

/** The agents of the server; asked once. */
export async function agents() {
  known ??= (await get("/agents")).agents;
  return known;
}

export function forgetAgents() {
  known = null;
}

/** A choice of what agents may do. */
export function modeSelect(id, chosen = "") {
  const select = el("select", { id }, MODES.map(([value, text]) => el("option", { value }, text)));
  select.value = MODES.some(([value]) => value === chosen) ? chosen : "";
  return select;
}

/** A label with what it is for. */
export function field(text, control, hint) {
  return el("div", { class: "form-field" }, el("label", { for: control.id }, text), control, hint && el("small", {}, hint));
}

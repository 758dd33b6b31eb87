// Light, dark, or as the system has it.

const KEPT = "clawdforge.theme";
const ORDER = ["system", "light", "dark"];

export const theme = () => localStorage.getItem(KEPT) || "system";

/** Show the kept one. */
export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

/** Go on to the next; its name. */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
  localStorage.setItem(KEPT, next);
  applyTheme();
  return next;
}

// Says that a person uses the page, so that nobody is notified of what they see anyhow.

import { call } from "./api.js";
import { canWatch } from "./rights.js";

const PAUSE_MS = 15_000;
const SIGNS = ["pointerdown", "keydown", "wheel", "focus"];

let last = 0;

function used() {
  if (document.hidden || Date.now() - last < PAUSE_MS) return;
  last = Date.now();
  call("POST", "/monitor/looking").catch(() => {}); // then they are notified: no harm
}

/** Tell the server of it, as long as somebody is logged in. Returns how to stop. */
export function tellOfUse() {
  if (!canWatch()) return () => {};
  const options = { capture: true, passive: true };
  for (const sign of SIGNS) window.addEventListener(sign, used, options);
  used();
  return () => SIGNS.forEach((sign) => window.removeEventListener(sign, used, options));
}

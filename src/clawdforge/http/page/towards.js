// The way to the first question that waits. It may still be on its way here when somebody wants it.

import { say } from "./announce.js";
import { all, one } from "./live.js";
import { waiting, waitingIn } from "./questions.js";

const PATIENCE_MS = 15_000;
const OPEN = ".approval:not([data-settled])";
const ELSEWHERE = ".inbox .others a"; // can be answered in their terminals only

let watch = null;
let timer = 0;

/** Give the first question the focus; when it is not shown yet, as soon as it is. */
export function goToQuestion() {
  forget();
  if (focusFirst(OPEN)) return true;
  if (!somebodyAsks()) {
    say("Nothing waits for you");
    return true;
  }
  if (!comesHere()) location.hash = "#/questions";
  watch = new MutationObserver(arrived);
  watch.observe(document.getElementById("app"), { childList: true, subtree: true });
  timer = setTimeout(forget, PATIENCE_MS);
  for (const event of ["keydown", "pointerdown"]) document.addEventListener(event, forget, { capture: true });
  return true;
}

const needs = (card) => card?.group === "needs";
const somebodyAsks = () => waiting().length > 0 || [...all().values()].some(needs);

/** Whether the question will be shown in the view that is there. */
function comesHere() {
  const [, id] = /^#\/s\/(.+)$/.exec(location.hash) ?? [];
  if (!id) return false;
  const session = decodeURIComponent(id);
  return waitingIn(session).length > 0 || (needs(one(session)) && one(session).mine);
}

function arrived() {
  if (focusFirst(OPEN) || (!waiting().length && focusFirst(ELSEWHERE))) forget();
}

function focusFirst(selector) {
  const found = [...document.querySelectorAll(selector)].find((node) => node.checkVisibility());
  found?.focus();
  return Boolean(found) && document.activeElement === found;
}

/** Who does something else meanwhile does not want it any more. */
function forget() {
  watch?.disconnect();
  watch = null;
  clearTimeout(timer);
  for (const event of ["keydown", "pointerdown"]) document.removeEventListener(event, forget, { capture: true });
}

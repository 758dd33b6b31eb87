// What is said to those who listen instead of looking: little, and politely.

const PAUSE_MS = 1500;

let last = 0;
let timer = 0;
let next = "";

/** Say something when there is a moment. What comes too fast is left out but for the newest. */
export function say(text) {
  next = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    last = performance.now();
    put("polite", next);
  }, Math.max(60, last + PAUSE_MS - performance.now()));
}

/** Say something now: somebody waits for an answer. */
export function sayNow(text) {
  put("urgent", text);
}

function put(where, text) {
  const node = document.getElementById(where);
  node.textContent = "";
  // A change of nothing to something is heard, even when it is the same once more.
  setTimeout(() => (node.textContent = text), 30);
}

// What changes between two texts, line by line (Myers, "An O(ND) difference algorithm", 1986).

import { button, el } from "./dom.js";
import { many } from "./format.js";

const CONTEXT_LINES = 3;
const MOST_STEPS = 1200; // beyond it the texts have little in common: all out, all in
const FIRST_LINES = 40;

/** The lines of both texts as [sign, text], sign one of "+", "-", " ". */
export function difference(before, after) {
  const a = before ? before.replace(/\n$/, "").split("\n") : [];
  const b = after ? after.replace(/\n$/, "").split("\n") : [];
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const middle = shortest(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const same = (line) => [" ", line];
  return [...a.slice(0, head).map(same), ...middle, ...a.slice(a.length - tail).map(same)];
}

function shortest(a, b) {
  const all = [...a.map((line) => ["-", line]), ...b.map((line) => ["+", line])];
  if (!a.length || !b.length) return all;
  const most = Math.min(a.length + b.length, MOST_STEPS);
  const reach = new Map([[1, 0]]);
  const trail = [];
  for (let d = 0; d <= most; d += 1) {
    trail.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkBack(a, b, trail, d);
    }
  }
  return all;
}

function walkBack(a, b, trail, steps) {
  const made = [];
  let x = a.length;
  let y = b.length;
  for (let d = steps; d >= 0; d -= 1) {
    const reach = trail[d];
    const k = x - y;
    const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
    const beforeX = d ? (down ? reach.get(k + 1) : reach.get(k - 1)) : 0;
    const beforeY = d ? beforeX - (down ? k + 1 : k - 1) : 0;
    while (x > beforeX && y > beforeY) {
      x -= 1;
      y -= 1;
      made.push([" ", a[x]]);
    }
    if (d) made.push(down ? ["+", b[(y -= 1)]] : ["-", a[(x -= 1)]]);
  }
  return made.reverse();
}

/** A change of a file, to be looked at: `old_text` null: the file is new. */
export function diffView({ path, old_text: before, new_text: after }) {
  const lines = difference(before ?? "", after ?? "");
  const added = lines.filter(([sign]) => sign === "+").length;
  const removed = lines.filter(([sign]) => sign === "-").length;
  const shown = folded(lines);
  const body = el("pre", { class: "diff", tabindex: "0", "aria-label": `Change of ${path}` });
  const first = shown.slice(0, FIRST_LINES).map(lineNode);
  body.append(...first);
  const rest = shown.slice(FIRST_LINES);
  const more = rest.length > 0 && button(`Show ${many(rest.length, "more line")}`, () => {
    body.append(...rest.map(lineNode));
    more.remove();
  }, { class: "quiet" });
  return el(
    "figure",
    { class: "change" },
    el(
      "figcaption",
      {},
      el("span", { class: "path" }, path),
      before === null || before === undefined ? el("span", { class: "tag" }, "new file") : null,
      el("span", { class: "plus" }, `+${added}`),
      el("span", { class: "minus" }, `−${removed}`),
    ),
    body,
    more,
  );
}

function folded(lines) {
  const near = new Uint8Array(lines.length);
  lines.forEach(([sign], at) => {
    if (sign === " ") return;
    const end = Math.min(lines.length, at + CONTEXT_LINES + 1);
    for (let i = Math.max(0, at - CONTEXT_LINES); i < end; i += 1) near[i] = 1;
  });
  const made = [];
  let skipped = 0;
  lines.forEach((line, at) => {
    if (near[at]) {
      if (skipped) made.push(["@", `⋯ ${many(skipped, "line")} unchanged`]);
      skipped = 0;
      made.push(line);
    } else skipped += 1;
  });
  if (skipped) made.push(["@", `⋯ ${many(skipped, "line")} unchanged`]);
  return made;
}

const KINDS = { "+": "added", "-": "removed", "@": "skipped", " ": "same" };

function lineNode([sign, text]) {
  return el("span", { class: KINDS[sign] }, sign === "@" ? text : `${sign} ${text}`, "\n");
}

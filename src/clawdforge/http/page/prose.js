// What agents write, as they mean it: the common part of Markdown, made of elements and text
// nodes. It grows while it streams: what cannot change any more is left alone.

import { button, el } from "./dom.js";
import { count } from "./format.js";

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const LARGE_CHARS = 60_000;

export class Prose {
  constructor() {
    this.raw = "";
    this.settled = 0; // up to here it is drawn for good
    this.tail = el("div", { class: "prose-tail" });
    this.node = el("div", { class: "prose" }, this.tail);
  }

  /** Add a piece; `draw` shows it. */
  add(text) {
    this.raw += text;
  }

  draw() {
    if (this.cut) return;
    if (this.raw.length > LARGE_CHARS && !this.whole) {
      this.shorten();
      return;
    }
    const open = this.raw.slice(this.settled);
    const edge = lastEdge(open);
    if (edge) {
      this.tail.before(...blocks(open.slice(0, edge)));
      this.settled += edge;
    }
    this.tail.replaceChildren(...blocks(this.raw.slice(this.settled)));
  }

  /** A very long text is shown whole only to who wants it. */
  shorten() {
    this.cut = true;
    const more = button("", () => {
      this.cut = false;
      this.whole = true;
      more.remove();
      this.settled = 0;
      this.node.replaceChildren(this.tail);
      this.draw();
    });
    more.textContent = `Show all ${count(this.raw.length)} characters`;
    this.node.replaceChildren(el("p", {}, `${this.raw.slice(0, 4000)} …`), more);
  }
}

/** A whole text at once. */
export function prose(text) {
  const made = new Prose();
  made.add(text);
  made.draw();
  return made.node;
}

/** Where the last blank line outside of a fence ends; 0: there is none. */
function lastEdge(text) {
  let edge = 0;
  let at = 0;
  let fence = null;
  for (const line of text.split("\n")) {
    const found = FENCE.exec(line);
    if (found && !fence) fence = found[1];
    else if (fence && line.trim().startsWith(fence)) fence = null;
    at += line.length + 1;
    if (!fence && !line.trim() && at <= text.length) edge = at;
  }
  // A list goes on after a blank line.
  return /^\s*([-*+]|\d+[.)])\s/.test(text.slice(edge)) ? 0 : edge;
}

function blocks(text) {
  const lines = text.split("\n");
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const [node, next] = block(lines, at);
    if (node) made.push(node);
    at = next;
  }
  return made;
}

function block(lines, at) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = FENCE.exec(line);
  if (fence) return code(lines, at, fence);
  const heading = /^(#{1,6})\s+(.*)$/.exec(line);
  // The page has the first two levels, and the turn the third.
  if (heading) return [el(`h${Math.min(6, heading[1].length + 3)}`, {}, inline(heading[2])), at + 1];
  if (/^\s*([-*_])(\s*\1){2,}\s*$/.test(line)) return [el("hr"), at + 1];
  if (/^\s*>/.test(line)) return quote(lines, at);
  if (/^\s*([-*+]|\d+[.)])\s+/.test(line)) return list(lines, at);
  if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) {
    return table(lines, at);
  }
  return paragraph(lines, at);
}

function code(lines, at, fence) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence[1])) end += 1;
  const text = lines.slice(at + 1, end).join("\n");
  return [el("pre", { class: "code", tabindex: "0" }, el("code", {}, text)), end + 1];
}

function quote(lines, at) {
  let end = at;
  while (end < lines.length && /^\s*>/.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(/^\s*>\s?/, ""));
  return [el("blockquote", {}, blocks(inner.join("\n"))), end];
}

function list(lines, at) {
  const item = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
  const first = item.exec(lines[at]);
  const depth = first[1].length;
  const node = el(/\d/.test(first[2]) ? "ol" : "ul");
  if (node.tagName === "OL") node.start = parseInt(first[2], 10);
  let end = at;
  while (end < lines.length) {
    const found = item.exec(lines[end]);
    if (found && found[1].length < depth) break;
    if (found && found[1].length > depth + 1 && node.lastChild) {
      const [inner, next] = list(lines, end);
      node.lastChild.append(inner);
      end = next;
    } else if (found) {
      node.append(el("li", {}, inline(found[3])));
      end += 1;
    } else if (/^\s+\S/.test(lines[end]) && node.lastChild) {
      node.lastChild.append(" ", ...inline(lines[end].trim()));
      end += 1;
    } else if (!lines[end].trim() && item.test(lines[end + 1] ?? "")) {
      end += 1;
    } else break;
  }
  return [node, end];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  const head = el("tr", {}, cells(lines[at]).map((cell) => el("th", { scope: "col" }, inline(cell))));
  const body = el("tbody");
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) {
    body.append(el("tr", {}, cells(lines[end]).map((cell) => el("td", {}, inline(cell)))));
    end += 1;
  }
  return [el("div", { class: "scroll", tabindex: "0" }, el("table", {}, el("thead", {}, head), body)), end];
}

function paragraph(lines, at) {
  let end = at + 1;
  const special = /^\s*(#{1,6}\s|>|```|~~~|[-*+]\s|\d+[.)]\s)/;
  while (end < lines.length && lines[end].trim() && !special.test(lines[end])) end += 1;
  const node = el("p");
  lines.slice(at, end).forEach((line, index) => {
    if (index) node.append(el("br"));
    node.append(...inline(line));
  });
  return [node, end];
}

const MARKS = /(`+)(.+?)\1|\*\*(.+?)\*\*|(?<![\w*])[*_](\S(?:.*?\S)?)[*_](?![\w*])|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)|(https?:\/\/[^\s<>()"']+[^\s<>()"'.,;:!?])/g;

function inline(text) {
  const made = [];
  let at = 0;
  for (const found of text.matchAll(MARKS)) {
    if (found.index > at) made.push(text.slice(at, found.index));
    const [whole, , code, bold, italic, label, target, bare] = found;
    if (code !== undefined) made.push(el("code", {}, code));
    else if (bold !== undefined) made.push(el("strong", {}, inline(bold)));
    else if (italic !== undefined) made.push(el("em", {}, italic));
    else made.push(link(label ?? bare, target ?? bare));
    at = found.index + whole.length;
  }
  if (at < text.length) made.push(text.slice(at));
  return made;
}

function link(label, target) {
  return el("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, label);
}

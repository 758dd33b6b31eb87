// What an agent does, or is about to do: shown the same in a transcript and in a question.

import { diffView } from "./diff.js";
import { el, hasIcon, icon, replace, setAttribute, setText } from "./dom.js";
import { cut, shown } from "./format.js";

const LONG_CHARS = 20_000;

/** A path as it is in the session's own folder. */
function short(path) {
  return path.replace(/^.*\/sessions\/[0-9a-f-]{36}\/work\//, "");
}

/** What exactly would be done: a command, changes of files, or the arguments as they are. */
export function doing({ args, diffs, paths, cwd }) {
  const changes = diffs?.length ? diffs : changesIn(args);
  if (changes.length) return changes.map((change) => diffView({ ...change, path: short(change.path) }));
  const parts = [];
  if (typeof args?.command === "string") {
    parts.push(block(args.command, "command"));
    if (args.description) parts.push(el("p", { class: "note" }, args.description));
  } else if (typeof args?.plan === "string") {
    parts.push(block(args.plan));
  } else if (args !== null && args !== undefined && !isEmpty(args)) {
    parts.push(facts(args));
  }
  if (paths?.length && !parts.length) parts.push(el("ul", { class: "paths" }, paths.map((path) => el("li", {}, short(path)))));
  if (cwd) parts.push(el("p", { class: "note" }, "in ", el("code", {}, cwd)));
  return parts;
}

/** The changes of files in the arguments of Claude Code's own tools. */
function changesIn(args) {
  if (typeof args?.file_path !== "string") return [];
  const path = args.file_path;
  if (typeof args.new_string === "string") {
    return [{ path, old_text: args.old_string ?? "", new_text: args.new_string }];
  }
  if (Array.isArray(args.edits)) {
    return args.edits.map((edit) => ({ path, old_text: edit.old_string ?? "", new_text: edit.new_string ?? "" }));
  }
  return typeof args.content === "string" ? [{ path, old_text: null, new_text: args.content }] : [];
}

const isEmpty = (value) => typeof value === "object" && Object.keys(value).length === 0;

/** Small values as a list of what is what, others as JSON. */
function facts(args) {
  const flat = typeof args === "object" && !Array.isArray(args) && Object.values(args).every((value) => typeof value !== "object" || value === null);
  if (!flat) return block(shown(args));
  return el(
    "dl",
    { class: "facts" },
    Object.entries(args).map(([key, value]) => el("div", {}, el("dt", {}, key), el("dd", {}, cut(String(value), 2000)))),
  );
}

/** A text in a box of its own, with its line breaks. */
export function block(text, kind = "") {
  const long = text.length > LONG_CHARS;
  const body = long ? `${text.slice(0, LONG_CHARS)}\n… ${text.length - LONG_CHARS} more characters` : text;
  return el("pre", { class: `code ${kind}`, tabindex: "0" }, el("code", {}, body));
}

/** What a tool call is about, in a line. */
export function gist({ title, name, args, paths }) {
  const told = args?.command || args?.description || args?.pattern || args?.query || args?.url || args?.prompt;
  if (typeof told === "string" && told) return cut(told.split("\n")[0], 160);
  const path = args?.file_path || args?.path || paths?.[0];
  if (typeof path === "string") return short(path);
  return title && title !== name ? cut(title, 160) : "";
}

const STATUS = { pending: "waits", in_progress: "runs", completed: "done", failed: "failed" };

/** A tool call of a transcript, to which patches are added. */
export class ToolView {
  constructor() {
    this.known = {};
    this.mark = el("span", { class: "tool-mark" });
    this.name = el("span", { class: "tool-name" });
    this.gist = el("span", { class: "tool-gist" });
    this.status = el("span", { class: "tool-status" });
    this.body = el("div", { class: "tool-body" });
    this.node = el(
      "details",
      { class: "tool", ontoggle: () => this.fill() },
      el("summary", {}, this.mark, this.name, this.gist, this.status),
      this.body,
    );
  }

  /** Lay news over what is known. */
  patch(news) {
    for (const [key, value] of Object.entries(news)) {
      if (value !== null && value !== undefined) this.known[key] = value;
    }
    const { name, title, status, diffs, kind } = this.known;
    const drawing = hasIcon(kind) ? kind : "other";
    if (this.drawing !== drawing) {
      this.drawing = drawing;
      replace(this.mark, icon(drawing));
    }
    setText(this.name, name || title || "Tool");
    setText(this.gist, gist(this.known));
    setText(this.status, STATUS[status] || "");
    setAttribute(this.node, "data-status", status || "pending");
    if (!this.opened && diffs?.length) {
      this.opened = true;
      this.node.open = diffs.reduce((lines, diff) => lines + diff.new_text.split("\n").length, 0) <= 60;
    }
    this.stale = true;
    this.fill();
  }

  /** While a question shows the same. */
  hide() {
    this.wasOpen = this.node.open;
    this.node.open = false;
  }

  unhide() {
    this.node.open = this.wasOpen;
  }

  /** What is in it is made only for who looks. */
  fill() {
    if (!this.node.open || !this.stale) return;
    this.stale = false;
    const { result } = this.known;
    const text = result === undefined ? "" : shown(result);
    replace(
      this.body,
      doing(this.known),
      text && el("div", { class: "result" }, el("p", { class: "result-title" }, this.known.status === "failed" ? "Failed" : "Result"), block(text)),
    );
  }
}

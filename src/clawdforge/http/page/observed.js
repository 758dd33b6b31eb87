// A session that somebody started by hand, or that is another app's: what it tells of itself.

import { el, setText } from "./dom.js";
import { ago, moment, seconds } from "./format.js";
import { one } from "./live.js";

/** All that is known about it. */
export function factsOf(card) {
  const { view } = card;
  if (!view) return [el("p", { class: "faint" }, "Nothing more is known.")];
  return [
    view.session && el("p", { class: "notice" }, "This session belongs to the app ", el("strong", {}, card.app || "?"), ". Its conversation is shown to who logs in with the token of that app."),
    view.first_prompt && el("blockquote", { class: "first-prompt" }, view.first_prompt),
    el(
      "dl",
      { class: "facts big" },
      fact("Doing", view.activity_detail),
      fact("Folder", view.cwd || view.working_directory),
      fact("Project", view.project_root),
      fact("Branch", view.worktree_branch),
      fact("Worktree", view.worktree_path !== view.project_root ? view.worktree_path : null),
      fact("Machine", view.host && (view.stale ? `${view.host}, not heard of now: this is how it was` : view.host)),
      fact("tmux pane", view.tmux_pane),
      fact("Process", view.pid),
      fact("Context", view.context_percentage > 0 ? view.context_display : null),
      fact("Lines", view.lines_display === "+0 -0" ? null : view.lines_display),
      fact("Began", moment(seconds(view.started_at))),
      fact("Last sign of life", since(seconds(view.last_activity))),
      fact("Its id", view.agent_session_id || view.id),
      related("Part of", view.parent_session_id ? [view.parent_session_id] : []),
      related("Subagents", view.child_session_ids ?? []),
    ),
    evidence(view.evidence ?? [], view.received / 1000),
  ];
}

/** How long ago, kept up by `keepUp`. */
function since(at) {
  return at === null ? null : el("span", { "data-at": at }, ago(at));
}

/** Let the times in a node go on. */
export function keepUp(node) {
  for (const one of node.querySelectorAll("[data-at]")) setText(one, ago(Number(one.dataset.at)));
}

function fact(name, value) {
  if (value === null || value === undefined || value === "") return null;
  return el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : String(value)));
}

function related(name, ids) {
  if (!ids.length) return null;
  const links = ids.map((id) => el("a", { href: `#/s/${encodeURIComponent(id)}` }, one(id)?.title || id));
  return el("div", {}, el("dt", {}, name), el("dd", {}, links.flatMap((link, at) => (at ? [", ", link] : [link]))));
}

function evidence(signals, received) {
  if (!signals.length) return null;
  return el(
    "section",
    { class: "evidence" },
    el("h3", {}, "Why it is shown so"),
    el(
      "ul",
      {},
      signals.map((one) =>
        el("li", { class: one.contradicts ? "contradicts" : null }, el("strong", {}, one.signal.replaceAll("_", " ")), ` says ${one.says}, `, since(received - one.age_ms / 1000), one.contradicts && el("span", { class: "tag" }, "speaks against it")),
      ),
    ),
  );
}

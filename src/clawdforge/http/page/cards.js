// A session as the list shows it, made of what the monitor tells and what the gateway keeps.

import { base, seconds } from "./format.js";

export const GROUPS = ["needs", "working", "resting", "closed"];
export const GROUP_NAMES = {
  needs: "Needs you",
  working: "Working",
  resting: "Resting",
  closed: "Closed",
};

const WORDS = {
  starting: "Starting",
  working: "Working",
  tool: "Working",
  running: "Working",
  permission: "Asks for permission",
  waiting: "Asks for permission",
  input: "Waits for an answer",
  compacting: "Compacting its context",
  background: "Works in the background",
  scheduled: "Scheduled",
  idle: "Idle",
  interrupted: "Interrupted",
  error: "Stopped by an error",
  ended: "Ended",
  hibernated: "Asleep",
  closed: "Closed",
};

const GROUP_OF_STATUS = { attention_needed: "needs", working: "working" };

/** The card of a session; either of the two may be missing. */
export function cardOf(id, view, row) {
  const state = stateOf(view, row);
  const group = groupOf(state, view, row);
  return {
    id,
    view,
    row,
    state,
    group,
    title: titleOf(view, row),
    place: placeOf(view, row),
    word: view?.stale ? "Not heard of" : WORDS[state] || view?.status_label || state,
    doing: doingOf(view, state),
    since: sinceOf(view, row),
    started: seconds(view?.started_at) ?? row?.created_at ?? 0,
    context: contextOf(view, row),
    contextText: view?.context_display ?? "",
    cost: Math.max(view?.cost_microusd ?? 0, row?.usage.cost_microusd ?? 0) || null,
    model: modelOf(view, row),
    agent: row?.agent || view?.agent || "",
    app: row?.app_name || view?.app || null,
    source: view?.source || "gateway",
    driven: Boolean(row || view?.session),
    mine: Boolean(row),
    host: view?.host ?? null,
    stale: Boolean(view?.stale),
    parent: view?.parent_session_id ?? null,
    children: view?.child_session_ids ?? [],
    project: projectOf(view, row),
  };
}

function stateOf(view, row) {
  if (row?.state === "closed") return "closed";
  if (view?.state) return view.state;
  if (row?.pending_permissions) return "permission";
  return row?.state || "idle";
}

function groupOf(state, view, row) {
  if (state === "closed") return "closed";
  if (view?.stale) return "resting";
  if (view) return GROUP_OF_STATUS[view.status] || "resting";
  if (row?.pending_permissions) return "needs";
  return row?.state === "running" ? "working" : "resting";
}

function titleOf(view, row) {
  const named = row?.meta?.title;
  if (typeof named === "string" && named.trim()) return named.trim();
  if (view?.first_prompt) return view.first_prompt;
  const folder = base(view?.project_root || (view?.session ? "" : view?.cwd));
  if (folder) return view?.worktree_branch ? `${folder} · ${view.worktree_branch}` : folder;
  const agent = row?.agent || view?.agent || "session";
  return `${agent} ${shortId(row?.session_id || view?.id || "")}`;
}

/** The end of an id: the beginnings of ours are times, alike among neighbours. */
export function shortId(id) {
  return id.length > 12 ? id.slice(-6) : id;
}

function placeOf(view, row) {
  const place = placeThere(view, row);
  return view?.host ? [view.host, place].filter(Boolean).join(": ") : place;
}

function placeThere(view, row) {
  const app = row?.app_name || view?.app;
  if (app) return app;
  const folder = base(view?.project_root || view?.cwd);
  if (!folder) return view?.working_directory || "";
  return view?.worktree_branch ? `${folder} · ${view.worktree_branch}` : folder;
}

function projectOf(view, row) {
  if (view?.project_root) return view.project_root;
  const app = row?.app_name || view?.app;
  return app ? `app:${app}` : view?.cwd || "";
}

function doingOf(view, state) {
  const detail = view?.approval || view?.activity_detail || "";
  const says = detail && detail !== "Permission" && !["idle", "hibernated", "closed"].includes(state);
  return says ? detail : "";
}

function sinceOf(view, row) {
  return seconds(view?.state_since) ?? seconds(view?.last_activity) ?? row?.last_turn_at ?? row?.created_at ?? null;
}

function contextOf(view, row) {
  if (view && view.context_percentage > 0) return view.context_percentage;
  const { context_used: used, context_size: size } = row?.usage ?? {};
  return used && size ? Math.min(100, (used / size) * 100) : null;
}

function modelOf(view, row) {
  const told = view?.model && view.model !== "Unknown" ? view.model : "";
  return told || row?.model || "";
}

/** Those that need a person first, then as they were begun: nothing jumps while it works. */
export function byNeed(a, b) {
  const group = GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group);
  if (group) return group;
  if (a.group === "needs") return (a.since ?? 0) - (b.since ?? 0) || order(a, b);
  return order(a, b);
}

function order(a, b) {
  return b.started - a.started || (a.id < b.id ? -1 : 1);
}

/** Whether a card fits what was typed: every word somewhere in it. */
export function fits(card, words) {
  const hay = [card.title, card.place, card.word, card.doing, card.model, card.agent, card.app, card.id, card.project, card.host]
    .join(" ")
    .toLowerCase();
  return words.every((word) => hay.includes(word));
}

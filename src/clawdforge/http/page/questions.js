// The questions of agents that wait for a person: of our own sessions, which the gateway drives,
// and of those that somebody started by hand and let be answered from afar. One shape for both.

import { get, post } from "./api.js";
import { onChange, one, refresh } from "./live.js";
import { canRun, canWatch } from "./rights.js";

const QUIET_MS = 15_000;
const BUSY_MS = 2_000; // while somebody waits for an answer, or nobody tells us
const SOON_MS = 120;

const listeners = new Set();
const pending = new Map();
let bySession = new Map();
let timer = 0;
let soon = 0;
let running = false;
let stopTelling = () => {};

/** All that wait, the most urgent first. */
export const waiting = () => [...pending.values()].sort((a, b) => a.expires_at - b.expires_at);
export const waitingIn = (sessionId) => bySession.get(sessionId) ?? [];

/** Whether it is of a session that somebody started by hand. */
export const isByHand = (question) => question.permission_id.startsWith("ap_");

/** Be told when they change. Returns how to stop. */
export function onQuestions(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startQuestions() {
  stopQuestions();
  running = canRun() || canWatch();
  if (!running) return;
  stopTelling = onChange((ids) => {
    for (const id of ids) if (isNews(one(id), waitingIn(id))) lookSoon();
  });
  look();
}

export function stopQuestions() {
  running = false;
  stopTelling();
  clearTimeout(timer);
  clearTimeout(soon);
  soon = 0;
  pending.clear();
  tell();
}

/** Whether what a session tells does not fit what we know of its questions. */
function isNews(card, known) {
  if (!card) return known.length > 0;
  const asked = card.view?.approval_id;
  if (asked) return !known.some((question) => question.permission_id === asked);
  return (card.mine && card.group === "needs") !== known.length > 0;
}

/** Something happened that may be a question, or the end of one. */
export function lookSoon() {
  if (!running || soon) return;
  soon = setTimeout(() => {
    soon = 0;
    look();
  }, SOON_MS);
}

async function look() {
  clearTimeout(timer);
  const sources = [];
  if (canRun()) sources.push(lookAt("/permissions", false));
  if (canWatch()) sources.push(lookAt("/monitor/approvals", true));
  const changes = await Promise.all(sources);
  if (!running) return;
  if (changes.some(Boolean)) tell();
  timer = setTimeout(look, pending.size ? BUSY_MS : QUIET_MS);
}

/** Take over what one of the two lists says; whether that is something new. */
async function lookAt(path, byHand) {
  const reply = await get(`${path}?state=pending&limit=200`).catch(() => null);
  if (!reply || !running) return false;
  const there = new Set(reply.permissions.map((question) => question.permission_id));
  let changed = false;
  for (const question of [...pending.values()]) {
    const isGone = isByHand(question) === byHand && !there.has(question.permission_id);
    if (isGone) changed = pending.delete(question.permission_id);
  }
  for (const question of reply.permissions) {
    if (!pending.has(question.permission_id)) changed = true;
    pending.set(question.permission_id, question);
  }
  return changed;
}

function tell() {
  bySession = Map.groupBy ? Map.groupBy(waiting(), (question) => question.session_id) : grouped(waiting());
  for (const listener of listeners) listener();
}

function grouped(questions) {
  const groups = new Map();
  for (const question of questions) {
    groups.set(question.session_id, [...(groups.get(question.session_id) ?? []), question]);
  }
  return groups;
}

/** What became of one that waits no more: as `Approval.settle` takes it. */
export async function outcomeOf(question) {
  const path = isByHand(question) ? "/monitor/approvals" : "/permissions";
  const row = await get(`${path}/${question.permission_id}`).catch(() => null);
  if (!row || row.state === "pending") return { state: "elsewhere" };
  return { state: row.state, by: row.answered_by, scope: row.answer?.scope, reason: row.reason };
}

/** Answer one. Whoever comes first wins; the rest is told by an ApiError. */
export async function answer(question, body) {
  const path = isByHand(question) ? "/monitor/approvals" : "/permissions";
  const told = await post(`${path}/${question.permission_id}`, body).catch((error) => {
    if (error.code === "already_answered" || error.status === 404) gone(question);
    throw error;
  });
  gone(question);
  return told;
}

function gone(question) {
  if (pending.delete(question.permission_id)) tell();
  refresh();
  lookSoon();
}

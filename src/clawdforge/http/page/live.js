// All sessions, kept up to date: the monitor's stream, and the gateway's own rows beside it.

import { get, query } from "./api.js";
import { cardOf } from "./cards.js";
import { forget, restWhenHidden } from "./hidden.js";
import { canRun, canWatch } from "./rights.js";
import { Stream } from "./stream.js";

const ROWS_MS = 5_000; // of sessions that are new, or sleep, nobody tells
const ROWS_HIDDEN_MS = 60_000;
const ROWS_ALONE_MS = 2_500; // without the monitor they are all there is
const MAX_ROWS = 200;
const PAUSE_MS = 100;

const listeners = new Set();
const views = new Map();
const rows = new Map();
const cards = new Map();
let changed = new Set();
let frame = 0;
let told = 0;
let stream = null;
let timer = 0;
let soon = 0;
let connection = "connecting";
let withClosed = false;
let pinned = null;
let life = 0; // of a login

/** All cards, by id. */
export const all = () => cards;
export const one = (id) => cards.get(id) ?? null;
/** `connecting`, `live`, `waiting` or `refused`. */
export const connectionState = () => connection;

/** Be told of changes, at most once a frame: (set of ids) => void. Returns how to stop. */
export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Begin. */
export function start() {
  stop();
  if (canWatch()) {
    stream = restWhenHidden(new Stream("/monitor/events", { on: take, onstate: setConnection }), { stays: true });
  } else {
    setConnection("live");
  }
  if (canRun()) readRows();
}

/** Forget all, and ask no more. */
export function stop() {
  life += 1;
  stream?.close();
  forget(stream);
  stream = null;
  clearTimeout(timer);
  clearTimeout(soon);
  soon = 0;
  for (const map of [views, rows, cards]) map.clear();
  tell(null);
}

/** Whether closed sessions are wanted, too. */
export function showClosed(wanted) {
  if (withClosed === wanted) return;
  withClosed = wanted;
  if (canRun()) readRows();
}

/** Ask for the own sessions soon: one of them has changed. */
export function refresh() {
  if (!canRun() || soon) return;
  soon = setTimeout(() => {
    soon = 0;
    readRows();
  }, 250);
}

function setConnection(state) {
  connection = state;
  tell(null);
}

function take(type, data) {
  const told = JSON.parse(data);
  if (type === "session_updated") update(told.session);
  else if (type === "session_removed") forgetView(told.session_id);
  else if (type === "sessions") replaceViews(told.sessions);
}

function update(view) {
  const before = views.get(view.id);
  view.received = Date.now();
  views.set(view.id, view);
  make(view.id);
  const isOurs = view.session && canRun() && (rows.has(view.id) || !before);
  if (isOurs && (before?.state !== view.state || !rows.has(view.id))) refresh();
}

function replaceViews(found) {
  const there = new Set(found.map((view) => view.id));
  for (const id of [...views.keys()]) if (!there.has(id)) forgetView(id);
  for (const view of found) update(view);
}

function forgetView(id) {
  views.delete(id);
  make(id);
}

function make(id) {
  const view = views.get(id);
  const row = rows.get(id);
  if (view || row) cards.set(id, cardOf(id, view, row));
  else cards.delete(id);
  tell(id);
}

async function readRows() {
  clearTimeout(timer);
  const mine = life;
  try {
    const path = query("/sessions", { include_closed: withClosed, limit: MAX_ROWS });
    const { sessions } = await get(path);
    if (mine !== life) return;
    const there = new Set(sessions.map((row) => row.session_id));
    for (const row of sessions) setRow(row);
    for (const id of [...rows.keys()]) if (!there.has(id)) dropRow(id);
    if (!canWatch()) setConnection("live");
  } catch (error) {
    if (mine !== life || error.status === 401 || error.status === 403) return;
    if (!canWatch()) setConnection("waiting");
  }
  const pause = canWatch() && views.size ? ROWS_MS : ROWS_ALONE_MS;
  timer = setTimeout(readRows, document.hidden ? ROWS_HIDDEN_MS : pause);
}

/** A row is not among those that are open, or not among the newest. */
async function dropRow(id) {
  if (id === pinned) {
    const row = await get(`/sessions/${id}`).catch(() => null);
    if (row) return setRow(row);
  }
  rows.delete(id);
  return make(id);
}

/** Keep the row of the session that is looked at, also when it is closed. */
export function pin(id) {
  pinned = id;
}

/** Take over a row that somebody else was given. */
export function setRow(row) {
  const before = rows.get(row.session_id);
  if (before && JSON.stringify(before) === JSON.stringify(row)) return;
  rows.set(row.session_id, row);
  make(row.session_id);
}

function tell(id) {
  if (id !== null) changed.add(id);
  if (frame) return;
  // Frames do not come to a page that is hidden, and eyes need no more than ten a second.
  const rest = Math.max(0, told + PAUSE_MS - performance.now());
  if (document.hidden) frame = setTimeout(flush, 500);
  else if (rest) frame = setTimeout(() => requestAnimationFrame(flush), rest);
  else frame = requestAnimationFrame(flush);
}

function flush() {
  frame = 0;
  told = performance.now();
  const news = changed;
  changed = new Set();
  for (const listener of listeners) listener(news);
}

// The page's beginning: who is there, what they may see, and which view is shown.

import { get, login, logout, mayBeLoggedIn } from "./api.js";
import { el, replace } from "./dom.js";
import { Inbox, announceQuestions } from "./inbox.js";
import { listenForKeys, showKeys } from "./keys.js";
import { SessionList } from "./list.js";
import { start, stop } from "./live.js";
import { codeInAddress, loginView, nothingView } from "./login.js";
import { tellOfUse } from "./looking.js";
import { forgetAgents } from "./modes.js";
import { newSession } from "./newsession.js";
import { forgetPrompts } from "./prompts.js";
import { startQuestions, stopQuestions } from "./questions.js";
import { appName, canRun, canSeeSessions, scopes, setRights } from "./rights.js";
import { SessionView } from "./session.js";
import { Shell } from "./shell.js";
import { applyTheme } from "./theme.js";
import { goToQuestion } from "./towards.js";
import { VIEWS } from "./views.js";

const app = document.getElementById("app");
let shell = null;
let list = null;
let view = null;
let stopAnnouncing = () => {};
let stopTelling = () => {};

async function begin(code = codeInAddress()) {
  applyTheme();
  try {
    if (code) return inside(await login({ code }));
    if (mayBeLoggedIn()) return inside(await get("/login"));
  } catch (error) {
    if (error.status === 0) return waitForServer(code);
    return outside(code ? "This link was used already, or is too old. Ask for another: clawdforge open" : "");
  }
  return outside();
}

/** The server is not there: look again until it is. */
function waitForServer(code) {
  replace(app, el("main", { class: "login", id: "main" }, el("p", { role: "status" }, "The server does not answer. Trying again …")));
  setTimeout(begin, 2000, code);
}

function outside(problem = "") {
  leave();
  const shown = loginView({ problem, oninside: inside });
  replace(app, shown);
  shown.querySelector("input").focus();
}

function inside(rights) {
  leave();
  setRights(rights);
  const views = VIEWS.filter((one) => one.allowed());
  shell = new Shell({ views, onlogout: leaveForGood, onadd: () => outside() });
  replace(app, shell.node);
  if (canSeeSessions()) {
    start();
    startQuestions();
    stopAnnouncing = announceQuestions();
    stopTelling = tellOfUse();
  }
  show();
}

async function leaveForGood() {
  try {
    await logout();
  } catch {
    // The server forgets it by itself.
  }
  outside();
}

function leave() {
  closeView();
  list?.close();
  list = null;
  stopAnnouncing();
  stopTelling();
  stopQuestions();
  stop();
  shell?.close();
  shell = null;
  forgetAgents();
  forgetPrompts();
}

function closeView() {
  view?.close?.();
  view = null;
}

/** Show what the address says. */
function show() {
  if (!shell) return;
  const [, route, argument] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? ["", "", ""];
  const found = VIEWS.find((one) => one.route === route && one.allowed() && route !== "");
  closeView();
  if (found) {
    leaveList();
    view = found.make();
    delete shell.node.dataset.pane;
    shell.show(view.node, route);
  } else if (canSeeSessions()) {
    showSessions(route === "s" ? decodeURIComponent(argument) : null, route === "questions");
  } else {
    leaveList();
    shell.show(nothingView({ scopes: scopes(), name: appName(), onlogout: leaveForGood }), "");
  }
}

function leaveList() {
  list?.close();
  list = null;
}

function showSessions(id, questions) {
  view = id ? new SessionView(id) : new Inbox();
  const isNew = list === null;
  list ??= new SessionList({ onnew: canRun() ? newSession : null });
  const pane = el("div", { class: "pane" }, view.node);
  if (isNew || !list.node.isConnected) shell.show(el("div", { class: "split" }, list.node, pane), "");
  else list.node.parentNode.lastChild.replaceWith(pane);
  shell.node.dataset.pane = id || questions ? "detail" : "list";
  list.choose(id);
  if (id && !isNew) view.focus();
}

function step(by) {
  if (!list) return false;
  list.step(by);
  return true;
}

function back() {
  const open = document.querySelector("details.popover[open]");
  if (open) open.removeAttribute("open");
  else if (location.hash.startsWith("#/s/") || location.hash === "#/questions") location.hash = "#/";
  else return false;
  return true;
}

function focusOn(id) {
  const found = document.getElementById(id);
  found?.focus();
  return Boolean(found);
}

const to = (at) => () => {
  const wanted = VIEWS.filter((one) => one.allowed())[at];
  if (wanted) location.hash = `#/${wanted.route}`;
};

listenForKeys({
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  Escape: back,
  g: () => (shell && canSeeSessions() ? goToQuestion() : false),
  n: () => (canRun() && shell ? void newSession() : false),
  p: () => focusOn("prompt"),
  "/": () => focusOn("search"),
  t: () => shell?.turn(),
  "?": showKeys,
  1: to(0), 2: to(1), 3: to(2), 4: to(3), 5: to(4),
});

document.addEventListener("click", (event) => {
  for (const open of document.querySelectorAll("details.popover[open]")) {
    if (!open.contains(event.target)) open.removeAttribute("open");
  }
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address says which view is shown
  document.getElementById("main")?.focus();
});
window.addEventListener("hashchange", () => (/^#code=/.test(location.hash) ? begin() : show()));
window.addEventListener("loggedout", () => shell && outside("You are not logged in any more."));
begin();

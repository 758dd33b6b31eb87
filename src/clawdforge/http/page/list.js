// The list of sessions: those that need a person first.

import { GROUPS, GROUP_NAMES, byNeed, fits, shortId } from "./cards.js";
import { button, el, icon, setAttribute, setText } from "./dom.js";
import { base, money, span } from "./format.js";
import { all, connectionState, onChange, showClosed } from "./live.js";
import { Machines } from "./machines.js";
import { onQuestions, waiting, waitingIn } from "./questions.js";
import { gist } from "./tools.js";
import { VirtualList } from "./virtual.js";

const ROW_PX = 84;
const HEAD_PX = 34;
const KEPT = "clawdforge.list";

const ICON_OF = { needs: "needs", working: "working", resting: "resting", closed: "resting" };
const ICON_OF_STATE = { error: "error", hibernated: "asleep" };

export class SessionList {
  constructor({ onnew }) {
    this.kept = JSON.parse(localStorage.getItem(KEPT) || "{}");
    this.words = [];
    this.chosen = null;
    this.search = el("input", {
      type: "search",
      id: "search",
      placeholder: "Filter",
      "aria-label": "Filter sessions",
      "aria-keyshortcuts": "/",
      autocomplete: "off",
      spellcheck: "false",
      oninput: () => this.filter(),
    });
    this.arrange = el(
      "select",
      { "aria-label": "Arrange sessions", onchange: () => this.keep({ by: this.arrange.value }) },
      el("option", { value: "need" }, "By need"),
      el("option", { value: "project" }, "By project"),
    );
    this.arrange.value = this.kept.by === "project" ? "project" : "need";
    this.closed = el("input", {
      type: "checkbox",
      id: "closed",
      onchange: () => this.keep({ closed: this.closed.checked }),
    });
    this.closed.checked = Boolean(this.kept.closed);
    this.machines = new Machines();
    this.questions = el("a", { class: "questions", href: "#/questions", hidden: true });
    this.summary = el("p", { class: "summary", id: "summary" });
    this.list = new VirtualList({ label: "Sessions", build, draw: (node, entry) => this.draw(node, entry) });
    this.empty = el("div", { class: "empty", hidden: true });
    this.node = el(
      "section",
      { class: "list", "aria-labelledby": "list-title" },
      el("h2", { class: "unseen", id: "list-title" }, "Sessions"),
      el(
        "div",
        { class: "list-head" },
        el("div", { class: "field search" }, icon("search"), this.search),
        this.arrange,
        onnew && button([icon("plus"), "New"], onnew, { class: "primary", "aria-label": "New session" }),
      ),
      el(
        "div",
        { class: "list-sub" },
        this.summary,
        onnew && el("label", { class: "check", for: "closed" }, this.closed, "closed"),
      ),
      this.machines.node,
      this.questions,
      this.list.node,
      this.empty,
    );
    showClosed(this.closed.checked);
    this.stops = [onChange((news) => this.update(news)), onQuestions(() => this.update(null))];
    this.clock = setInterval(() => this.tick(), 1000);
    this.update(null);
  }

  close() {
    for (const stop of this.stops) stop();
    clearInterval(this.clock);
    this.machines.close();
  }

  keep(change) {
    Object.assign(this.kept, change);
    localStorage.setItem(KEPT, JSON.stringify(this.kept));
    showClosed(this.closed.checked);
    this.update(null);
  }

  filter() {
    this.words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.update(null);
  }

  /** Mark the session that is looked at. */
  choose(id) {
    const before = this.chosen;
    this.chosen = id;
    this.update(new Set([before, id]));
    if (id) this.list.reveal(id);
  }

  update(news) {
    const cards = [...all().values()].filter((card) => !card.parent || card.group === "needs" || !all().has(card.parent));
    const found = this.words.length ? cards.filter((card) => fits(card, this.words)) : cards;
    const entries = this.arrange.value === "project" ? byProject(found) : grouped(found);
    this.list.show(entries, news);
    this.tell(cards, found);
  }

  tell(cards, found) {
    const needs = cards.filter((card) => card.group === "needs").length;
    const working = cards.filter((card) => card.group === "working").length;
    const cost = cards.reduce((sum, card) => sum + (card.cost ?? 0), 0);
    const parts = [];
    if (needs) parts.push(needs === 1 ? "1 needs you" : `${needs} need you`);
    parts.push(`${working} working`, `${cards.length} in all`);
    if (cost) parts.push(money(cost));
    setText(this.summary, cards.length ? parts.join(" · ") : "");
    const asked = waiting().length;
    this.questions.hidden = asked === 0;
    setText(this.questions, asked === 1 ? "Answer a question" : `Answer ${asked} questions`);
    this.empty.hidden = found.length > 0;
    this.list.node.hidden = found.length === 0;
    setText(this.empty, found.length ? "" : this.nothing(cards.length));
  }

  nothing(some) {
    if (some) return "No session fits the filter.";
    const state = connectionState();
    if (state === "connecting") return "Connecting …";
    if (state === "waiting") return "The server does not answer. Trying again …";
    return "No sessions yet. They appear here by themselves: those you begin, those of your apps, and every Claude Code in a terminal of this machine.";
  }

  /** What counts on its own: how long something has been so. */
  tick() {
    if (document.hidden) return;
    for (const [key, node] of this.list.shown()) {
      const card = all().get(key);
      if (card && node.parts) setText(node.parts.since, sinceText(card));
    }
  }

  draw(node, entry) {
    if (entry.heading) drawHeading(node, entry);
    else drawCard(node, entry.card, this.chosen === entry.key);
  }

  /** The session before or after the one that has the focus, or is looked at. */
  step(by) {
    const entries = this.list.entries.filter((entry) => !entry.heading);
    if (!entries.length) return;
    const focused = document.activeElement?.closest?.("[data-key]")?.dataset.key;
    const at = entries.findIndex((entry) => entry.key === (focused || this.chosen));
    const next = entries[Math.max(0, Math.min(entries.length - 1, at < 0 ? 0 : at + by))];
    this.list.reveal(next.key, { focus: true });
  }
}

function grouped(cards) {
  cards.sort(byNeed);
  const entries = [];
  let group = null;
  for (const card of cards) {
    if (card.group !== group) {
      group = card.group;
      const number = cards.filter((other) => other.group === group).length;
      entries.push({ key: `group ${group}`, height: HEAD_PX, heading: GROUP_NAMES[group], number, group });
    }
    entries.push({ key: card.id, height: ROW_PX, card });
  }
  return entries;
}

function byProject(cards) {
  const projects = new Map();
  for (const card of cards) {
    const place = `${card.host ?? ""} ${card.project}`;
    if (!projects.has(place)) projects.set(place, []);
    projects.get(place).push(card);
  }
  const entries = [];
  for (const [project, its] of [...projects].sort(([a], [b]) => (a < b ? -1 : 1))) {
    its.sort(byNeed);
    const [{ host, project: there }] = its;
    const name = there.startsWith("app:") ? there.slice(4) : base(there) || "Elsewhere";
    const heading = host ? `${host}: ${name}` : name;
    const group = GROUPS.find((one) => its.some((card) => card.group === one));
    entries.push({ key: `project ${project}`, height: HEAD_PX, heading, number: its.length, group });
    for (const card of its) entries.push({ key: card.id, height: ROW_PX, card });
  }
  return entries;
}

function build(entry) {
  if (entry.heading) {
    const node = el("div", { class: "row-head" });
    node.name = el("h3");
    node.number = el("span", { class: "faint" });
    node.append(node.name, node.number);
    return node;
  }
  const parts = {
    mark: el("span", { class: "mark" }),
    title: el("span", { class: "title" }),
    cost: el("span", { class: "cost" }),
    word: el("span", { class: "word" }),
    doing: el("span", { class: "doing" }),
    since: el("span", { class: "since" }),
    place: el("span", { class: "place" }),
    bar: el("span", { class: "bar-fill" }),
    percent: el("span", { class: "percent" }),
  };
  parts.context = el("span", { class: "context" }, el("span", { class: "bar" }, parts.bar), parts.percent);
  const node = el("div", { class: "row", "data-key": entry.key });
  parts.link = el(
    "a",
    { class: "card", href: `#/s/${encodeURIComponent(entry.key)}` },
    parts.mark,
    el("span", { class: "line" }, parts.title, parts.cost),
    el("span", { class: "line state" }, parts.word, parts.doing, parts.since),
    el("span", { class: "line" }, parts.place, parts.context),
  );
  node.append(parts.link);
  node.parts = parts;
  return node;
}

function drawHeading(node, entry) {
  setText(node.name, entry.heading);
  setText(node.number, String(entry.number));
  setAttribute(node, "data-group", entry.group);
}

function drawCard(node, card, isChosen) {
  const { parts } = node;
  setAttribute(node, "data-group", card.group);
  setAttribute(node, "data-state", card.state);
  setAttribute(node, "data-stale", card.stale ? "" : null);
  setAttribute(parts.link, "aria-current", isChosen ? "true" : null);
  const drawing = ICON_OF_STATE[card.state] || ICON_OF[card.group];
  if (parts.drawing !== drawing) {
    parts.drawing = drawing;
    parts.mark.replaceChildren(icon(drawing));
  }
  setText(parts.title, card.title);
  setText(parts.cost, card.cost ? money(card.cost) : "");
  setText(parts.word, card.word);
  const [question] = card.group === "needs" ? waitingIn(card.id) : [];
  setText(parts.doing, card.doing || (question ? gist({ ...question, name: question.tool }) : ""));
  setText(parts.since, sinceText(card));
  setText(parts.place, [card.place, card.model || card.agent, card.driven && shortId(card.id)].filter(Boolean).join(" · "));
  const percent = card.context === null ? null : Math.round(card.context);
  setAttribute(parts.context, "hidden", percent === null ? "" : null);
  setAttribute(parts.context, "data-level", level(percent));
  setText(parts.percent, percent === null ? "" : `${percent}%`);
  if (parts.width !== percent) {
    parts.width = percent;
    parts.bar.style.transform = `scaleX(${(percent ?? 0) / 100})`;
    setAttribute(parts.context, "title", percent === null ? null : `Context ${percent}% full`);
  }
}

/** How worrying a full context is. */
export function level(percent) {
  if (percent >= 90) return "critical";
  return percent >= 80 ? "warning" : "fine";
}

function sinceText(card) {
  return card.since === null ? "" : span(Date.now() / 1000 - card.since);
}

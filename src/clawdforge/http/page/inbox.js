// What is shown when no session is looked at: the questions that wait, else a word of welcome.

import { Approval, sentence } from "./approval.js";
import { sayNow } from "./announce.js";
import { el, icon, replace, setText } from "./dom.js";
import { all, onChange, one } from "./live.js";
import { onQuestions, waiting } from "./questions.js";
import { canRun } from "./rights.js";

const STAYS_MS = 2500;

export class Inbox {
  constructor() {
    this.shown = new Map();
    this.cards = el("div", { class: "cards" });
    this.title = el("h2", { tabindex: "-1", id: "view-title" });
    this.text = el("div", { class: "inbox-text" });
    this.others = el("ul", { class: "others" });
    this.node = el("section", { class: "inbox", "aria-labelledby": "view-title" }, el("header", {}, el("a", { class: "back", href: "#/", "aria-label": "Back to the list" }, icon("back")), this.title), this.text, this.cards, this.others);
    this.stop = onQuestions(() => this.update());
    this.stopListening = onChange(() => this.elsewhere());
    this.update();
  }

  close() {
    this.stop();
    this.stopListening();
    for (const approval of this.shown.values()) approval.close();
  }

  update() {
    const questions = waiting();
    const there = new Set(questions.map((question) => question.permission_id));
    for (const [id, approval] of this.shown) {
      if (!there.has(id)) approval.settleElsewhere();
    }
    for (const question of questions) {
      if (this.shown.has(question.permission_id)) continue;
      const approval = new Approval(question, { named: true, onsettled: () => this.fade(approval) });
      this.shown.set(question.permission_id, approval);
      this.cards.append(approval.node);
    }
    this.tell(questions.length);
  }

  /** What became of it can be read for a moment. */
  fade(approval) {
    setTimeout(() => {
      this.shown.delete(approval.question.permission_id);
      const had = approval.node.contains(document.activeElement);
      approval.close();
      approval.node.remove();
      if (had) (this.cards.querySelector(".approval") || this.title).focus({ preventScroll: true });
    }, STAYS_MS);
  }

  tell(number) {
    this.number = number;
    this.elsewhere();
  }

  /** Sessions that need a person, but cannot be answered here: in a terminal, or another app's. */
  elsewhere() {
    const asking = new Set(waiting().map((question) => question.session_id));
    const cards = [...all().values()].filter((card) => card.group === "needs" && !asking.has(card.id) && !card.mine);
    const told = `${this.number} ${cards.map((card) => `${card.id} ${card.word} ${card.doing}`)}`;
    if (told === this.told) return;
    this.told = told;
    const questions = this.number === 1 ? "One question waits for you" : `${this.number} questions wait for you`;
    setText(this.title, this.number ? questions : cards.length ? "Somebody waits elsewhere" : "Nothing waits for you");
    replace(this.text, this.number + cards.length === 0 && welcome());
    replace(this.others, cards.map((card) => el("li", {}, el("a", { href: `#/s/${encodeURIComponent(card.id)}` }, card.title), ` ${card.word.toLowerCase()}${card.doing ? ` (${card.doing})` : ""} `, el("span", { class: "faint" }, card.source === "gateway" ? `in the app ${card.app}` : card.host ? `in its terminal on ${card.host}` : "in its terminal"))));
  }

  focus() {
    this.title.focus({ preventScroll: true });
  }
}

function welcome() {
  return [
    el("p", { class: "faint" }, "Agents that need an answer appear here, with what exactly they want to do."),
    canRun() && el("p", { class: "faint" }, "Press ", el("kbd", {}, "n"), " for a new session, ", el("kbd", {}, "/"), " to search, ", el("kbd", {}, "?"), " for all keys."),
  ];
}

/** Tell those who listen that somebody asks. Returns how to stop. */
export function announceQuestions() {
  const heard = new Set(waiting().map((question) => question.permission_id));
  return onQuestions(() => {
    for (const question of waiting()) {
      if (heard.has(question.permission_id)) continue;
      heard.add(question.permission_id);
      sayNow(`${one(question.session_id)?.title || "A session"} ${sentence(question)}`);
    }
  });
}

// One session: what it is and does, its conversation, and the box for the next turn.

import { get } from "./api.js";
import { say } from "./announce.js";
import { Approval } from "./approval.js";
import { Composer } from "./composer.js";
import { button, el, icon, replace, setAttribute, setText } from "./dom.js";
import { money, span, whole } from "./format.js";
import { forget, restWhenHidden } from "./hidden.js";
import { level } from "./list.js";
import { onChange, one, pin, refresh, setRow } from "./live.js";
import { SessionMenu } from "./menu.js";
import { factsOf, keepUp } from "./observed.js";
import { PaneView } from "./pane.js";
import { promptsOf } from "./prompts.js";
import { isByHand, lookSoon, onQuestions, waitingIn } from "./questions.js";
import { canControl, canRun } from "./rights.js";
import { Stream } from "./stream.js";
import { Transcript } from "./transcript.js";

const TAIL_EVENTS = 4000; // of a long conversation its end is shown first
const NEAR_PX = 80;

export class SessionView {
  constructor(id) {
    this.id = id;
    pin(id);
    this.title = el("h2", { class: "session-title", tabindex: "-1", id: "view-title" });
    this.state = el("p", { class: "session-state" });
    this.meters = el("div", { class: "meters" });
    this.menu = new SessionMenu(id, (problem) => setText(this.live, problem));
    this.body = el("div", { class: "session-body" });
    this.node = el(
      "section",
      { class: "session", "aria-labelledby": "view-title" },
      el(
        "header",
        { class: "session-head" },
        el("a", { class: "back", href: "#/", "aria-label": "Back to the list" }, icon("back")),
        el("div", { class: "session-name" }, this.title, this.state),
        this.meters,
        this.menu.node,
      ),
      this.body,
    );
    this.stopListening = onChange((ids) => ids.has(id) && this.update());
    this.clock = setInterval(() => this.tick(), 1000);
    this.open();
  }

  close() {
    this.closed = true;
    pin(null);
    this.stopListening();
    clearInterval(this.clock);
    this.growing?.disconnect();
    this.quiet();
    this.log?.close();
    this.pane?.close();
    for (const approval of this.asked?.values() ?? []) approval.close();
    this.stopQuestions?.();
  }

  async open() {
    this.update();
    let row = null;
    const { view } = one(this.id) ?? {};
    if (canRun() && !(view && !view.session)) {
      try {
        const path = `/sessions/${this.id}`;
        const [its, { turns }] = await Promise.all([get(path), get(`${path}/turns?limit=200`)]);
        if (this.closed) return;
        row = its;
        promptsOf(this.id).know(turns);
        setRow(row);
      } catch (error) {
        if (error.status !== 404 && error.status !== 422) this.problem = error.message;
      }
    }
    if (this.closed) return;
    if (row) this.converse(row);
    else this.watch();
    this.update();
  }

  /** A session that only reports itself, or is another app's. */
  watch() {
    this.facts = el("div", { class: "facts-inner" });
    this.cards = el("div", { class: "cards" });
    this.asked = new Map();
    const { view } = one(this.id) ?? {};
    if (canControl() && view && !view.host && (!view.session || view.tmux_pane)) this.pane = new PaneView(this.id);
    replace(this.body, el("div", { class: "facts-pane" }, this.cards, this.pane?.node, this.facts));
    this.stopQuestions = onQuestions(() => this.ask());
    this.ask();
  }

  /** What a session that was started by hand asks, if it may be answered from here. */
  ask() {
    const questions = waitingIn(this.id).filter(isByHand);
    for (const [id, approval] of this.asked) {
      const isThere = questions.some((question) => question.permission_id === id);
      if (!isThere) approval.settleElsewhere();
    }
    for (const question of questions) {
      if (this.asked.has(question.permission_id)) continue;
      const approval = new Approval(question);
      this.asked.set(question.permission_id, approval);
      this.cards.append(approval.node);
    }
  }

  /** A session of our own. */
  converse(row) {
    this.prompts = promptsOf(this.id);
    this.composer = new Composer(this.id, this.prompts);
    this.newer = button("Jump to the newest", () => this.toEnd(), { class: "newer", hidden: true });
    this.live = el("p", { class: "stream-state", role: "status" });
    replace(this.body, (this.scroller = el("div", { class: "scroller", onscroll: () => this.scrolled() })), this.newer, this.live, this.composer.node);
    this.menu.show(row);
    this.follow(Math.max(0, row.last_seq - TAIL_EVENTS));
    this.composer.grow();
  }

  follow(after) {
    this.log?.close();
    this.log = new Transcript(this.prompts);
    this.log.sessionId = this.id;
    this.queue = [];
    const earlier = after > 0 && button("Show what was before", () => this.follow(Math.max(0, after - 4 * TAIL_EVENTS)), { class: "quiet" });
    this.emptyNote = el("p", { class: "faint center", hidden: true }, "Nothing was said yet. Tell the agent something.");
    replace(this.scroller, earlier, this.emptyNote, this.log.node);
    this.follows = true;
    this.growing?.disconnect();
    this.growing = new ResizeObserver(() => this.follows && this.toEnd());
    this.growing.observe(this.log.node);
    this.growing.observe(this.scroller);
    this.listen(after);
  }

  listen(after) {
    this.quiet();
    this.stream = restWhenHidden(new Stream(`/sessions/${this.id}/events`, {
      last: after || null,
      on: (type, data) => this.take(type, data),
      onstate: (state) => this.tellStream(state),
    }));
  }

  quiet() {
    this.stream?.close();
    forget(this.stream);
  }

  take(type, data) {
    if (type === "lagged" || type === "stopping") return;
    const event = JSON.parse(data);
    this.lastType = type;
    if (type === "turn_started") this.prompts.began(event.turn, event.prompt_bytes);
    if (type === "permission_request" || type === "permission_resolved") lookSoon();
    if (type === "turn_started" || type === "turn_ended" || type.startsWith("session_")) refresh();
    this.queue.push(event);
    if (!this.frame) this.frame = requestAnimationFrame(() => this.flush());
  }

  flush() {
    this.frame = 0;
    if (this.closed) return;
    const queue = this.queue;
    this.queue = [];
    for (const event of queue) this.log.take(event);
    this.log.draw();
    this.emptyNote.hidden = this.log.turns.size > 0;
    if (this.follows) this.toEnd();
    else this.newer.hidden = false;
    const last = queue.at(-1);
    if (last?.type === "turn_ended" && Date.now() / 1000 - last.at < 10) say(`The turn has ended: ${last.state}`);
  }

  scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    this.follows = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    if (this.follows) this.newer.hidden = true;
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.follows = true;
    this.newer.hidden = true;
  }

  tellStream(state) {
    const words = { waiting: "The connection broke off. Trying again …", refused: "The server does not show this session any more." };
    if (state === "waiting" && this.lastType === "session_closed") {
      this.quiet(); // there is no more
      return;
    }
    if (state === "waiting") this.lost = true;
    if (state === "live" && this.lost) {
      this.lost = false;
      refresh();
    }
    setText(this.live, words[state] || "");
  }

  update() {
    const card = one(this.id);
    this.card = card;
    if (!card) {
      setText(this.title, "No such session");
      setText(this.state, this.problem || "It has ended, or belongs to somebody else.");
      return;
    }
    setText(this.title, card.title);
    setAttribute(this.node, "data-group", card.group);
    this.tick();
    this.drawMeters(card);
    const { stream } = this;
    if (stream?.stopped && this.lastType === "session_closed" && card.row?.state !== "closed") this.listen(stream.last);
    this.composer?.set({ running: card.row?.state === "running" || card.group === "working", closed: card.group === "closed" });
    if (this.facts) this.drawFacts(card);
    if (card.row) this.menu.show(card.row);
  }

  /** What is there is left alone, so that it can be marked and copied. */
  drawFacts(card) {
    const drawn = el("div", {}, factsOf(card));
    if (drawn.textContent !== this.facts.textContent) this.facts.replaceChildren(...drawn.childNodes);
  }

  tick() {
    if (!this.card) return;
    if (this.facts) keepUp(this.facts);
    const { word, doing, since, place, agent, model } = this.card;
    const long = since === null ? "" : span(Date.now() / 1000 - since);
    setText(this.state, [doing ? `${word}: ${doing}` : word, long, place, agent, model].filter(Boolean).join(" · "));
  }

  drawMeters(card) {
    const { usage } = card.row ?? {};
    const percent = card.context === null ? null : Math.round(card.context);
    const told = `${percent}|${card.cost}|${usage?.output_tokens}`;
    if (told === this.told) return;
    this.told = told;
    replace(
      this.meters,
      percent !== null &&
        el("div", { class: "meter", "data-level": level(percent) },
          el("span", { class: "faint" }, "context"),
          el("span", { class: "bar", role: "img", "aria-label": `Context ${percent}% full` }, bar(percent)),
          el("span", {}, `${percent}%`)),
      Boolean(card.cost) && el("div", { class: "meter" }, el("span", { class: "faint" }, "cost"), el("strong", {}, money(card.cost))),
      usage?.output_tokens
        ? el("div", { class: "meter wide" }, el("span", { class: "faint" }, "tokens"), el("span", {}, `${whole(usage.input_tokens)} in, ${whole(usage.output_tokens)} out`))
        : null,
    );
  }

  /** Where the focus belongs when this has just been opened. */
  focus() {
    this.title.focus({ preventScroll: true });
  }
}

/** How full something is. */
export function bar(percent) {
  const fill = el("span", { class: "bar-fill" });
  fill.style.transform = `scaleX(${percent / 100})`;
  return fill;
}

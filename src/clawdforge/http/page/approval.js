// A question with what exactly would be done, and the answers to it.

import { say } from "./announce.js";
import { asksWords, choices } from "./choices.js";
import { button, el, replace, setText } from "./dom.js";
import { span } from "./format.js";
import { one } from "./live.js";
import { answer, isByHand, outcomeOf } from "./questions.js";
import { canApprove } from "./rights.js";
import { doing, gist } from "./tools.js";

const RESULTS = {
  allowed: "Allowed",
  denied: "Denied",
  expired: "Nobody answered in time",
  withdrawn: "Taken back by the agent",
};
const REASONS = { terminal: "Answered in the terminal", hidden: "Asked in the terminal", ended: "The session has ended" };
const VERBS = {
  execute: "wants to run a command",
  edit: "wants to change a file",
  delete: "wants to delete",
  move: "wants to move a file",
  read: "wants to read",
  search: "wants to search",
  fetch: "wants to fetch from the network",
  switch_mode: "wants to go on",
};
const MODES = { acceptEdits: "Allow, and accept edits from now on", default: "Allow, and ask before each edit", plan: "Allow, and plan only" };

export class Approval {
  /**
   * @param question as `GET /permissions` or the event tells it
   * @param diffs changes of files that the tool call told of, if any
   * @param named whether to say which session asks
   * @param onsettled called when it waits no more
   */
  constructor(question, { diffs = null, named = false, onsettled = () => {} } = {}) {
    this.onsettled = onsettled;
    this.question = question;
    this.words = asksWords(question);
    this.named = named;
    this.mayAnswer = !isByHand(question) || canApprove();
    this.node = el("article", {
      class: "approval",
      tabindex: "-1",
      "data-permission": question.permission_id,
      "aria-label": `Question: ${sentence(question)}`,
      onkeydown: (event) => this.key(event),
    });
    this.clock = el("span", { class: "countdown" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.draw(diffs);
  }

  draw(diffs) {
    const { question } = this;
    const who = this.named && el("a", { class: "who", href: `#/s/${encodeURIComponent(question.session_id)}` }, one(question.session_id)?.title || "A session");
    replace(
      this.node,
      el(
        "header",
        {},
        el("p", {}, who || "The agent", " ", el("strong", {}, verb(question)), question.tool && !this.words ? el("span", { class: "tag" }, question.tool) : null, question.subagent && el("span", { class: "tag" }, `subagent ${question.subagent_type || ""}`)),
        this.clock,
      ),
      this.words ? null : el("div", { class: "what" }, doing({ ...question, diffs })),
      question.tool === "ExitPlanMode" && !question.args?.plan && el("p", { class: "note" }, "The plan itself stands in its terminal."),
      question.cut && el("p", { class: "cut" }, question.args === null ? "What it would do is too long to be shown here. Look into its terminal." : "This is not all of it: the rest is too long to be shown here."),
      this.mayAnswer ? this.answers() : el("p", { class: "note" }, isByHand(question) ? "Answer it in its terminal, or log in with a token that has the scope approve." : null),
      this.problem,
    );
    this.tick();
    this.timer = setInterval(() => this.tick(), 1000);
  }

  answers() {
    const { question } = this;
    this.message = el("input", {
      type: "text",
      maxlength: "4000",
      placeholder: "Why not, or what instead (optional)",
      "aria-label": "Message to the agent",
      onkeydown: (event) => event.key === "Enter" && this.deny(),
    });
    this.actions = el("div", { class: "actions" });
    if (this.words) {
      this.form = choices(question, (answers) => this.send({ decision: "allow", ...(isByHand(question) ? { answers } : { args: { ...question.args, answers } }) }));
    } else if (!(question.cut && question.args === null)) {
      this.actions.append(...this.yes());
    }
    this.actions.append(el("span", { class: "deny" }, this.message, button("Deny", () => this.deny(), { class: "danger", "aria-keyshortcuts": "d" })));
    const always = question.always?.length > 0 && el("p", { class: "note" }, "“Always” means: ", question.always.join("; "));
    return [this.form, this.actions, always];
  }

  /** The ways to say yes. */
  yes() {
    const { question } = this;
    const offered = question.options || [];
    const ways = [];
    const plans = offered.filter((option) => !option.kind);
    if (!plans.length) ways.push(button("Allow once", () => this.send({ decision: "allow" }), { class: "primary", "aria-keyshortcuts": "a" }));
    this.maySayAlways = isByHand(question) ? offered.some((option) => option.kind === "allow_always") : true;
    const several = offered.filter((option) => option.kind === "allow_always");
    if (several.length > 1) {
      for (const option of several) ways.push(this.option(option));
    } else if (this.maySayAlways && !plans.length) {
      ways.push(button(isByHand(question) ? "Always" : "Always in this session", () => this.send({ decision: "allow", scope: "always" }), { "aria-keyshortcuts": "Shift+A" }));
    }
    for (const option of plans) ways.push(this.option(option));
    for (const mode of plans.length ? [] : question.modes ?? []) {
      ways.push(button(MODES[mode] || `Allow, mode ${mode}`, () => this.send({ decision: "allow", mode })));
    }
    return ways;
  }

  option({ option_id, name }) {
    return button(name, () => this.send({ decision: "allow", option_id }));
  }

  deny() {
    const message = this.message.value.trim();
    this.send({ decision: "deny", ...(message && { message }) });
  }

  async send(body) {
    if (this.sending || this.settled) return;
    this.sending = true;
    this.node.setAttribute("aria-busy", "true");
    this.enable(false);
    setText(this.problem, "");
    try {
      const told = await answer(this.question, body);
      this.settle({ state: told.state, scope: told.answer?.scope, by: told.answered_by });
      say(RESULTS[told.state] || "Answered");
    } catch (error) {
      const isGone = error.code === "already_answered" || error.status === 404;
      if (isGone) this.settle(await outcomeOf(this.question));
      else setText(this.problem, error.message);
      this.enable(!isGone);
    } finally {
      this.sending = false;
      this.node.removeAttribute("aria-busy");
    }
  }

  enable(enabled) {
    for (const control of this.node.querySelectorAll("button, input")) control.disabled = !enabled;
  }

  /** It waits no more, and it was not us. */
  async settleElsewhere() {
    if (this.settled || this.sending || this.asking) return;
    this.asking = true;
    this.enable(false);
    this.settle(await outcomeOf(this.question));
  }

  /** It has its answer: only that is left to be said. */
  settle({ state, scope, by, reason }) {
    if (this.settled) return;
    this.settled = true;
    clearInterval(this.timer);
    const had = this.node.contains(document.activeElement);
    const always = scope === "always" ? ", always" : "";
    const whom = by && by !== "server" && state !== "withdrawn" ? ` by ${by.replace("app:", "")}` : "";
    const told = state === "elsewhere" ? "Answered elsewhere" : `${REASONS[reason] || RESULTS[state] || state}${always}${whom}`;
    this.node.dataset.settled = state;
    this.actions?.remove();
    this.form?.remove();
    setText(this.clock, told);
    this.clock.className = "outcome";
    if (had) this.node.focus({ preventScroll: true });
    this.onsettled();
  }

  tick() {
    const left = this.question.expires_at - Date.now() / 1000;
    setText(this.clock, left > 0 ? `${span(left)} left` : "time is up");
    this.clock.dataset.level = left < 15 ? "critical" : "fine";
  }

  key(event) {
    const typing = event.target.matches("input, textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || this.settled || !this.mayAnswer) return;
    const isPlain = !this.words && this.actions.querySelector("[aria-keyshortcuts='a']");
    if (event.key === "d") this.message.focus();
    else if (event.key === "a" && isPlain) this.send({ decision: "allow" });
    else if (event.key === "A" && isPlain && this.maySayAlways) this.send({ decision: "allow", scope: "always" });
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  close() {
    clearInterval(this.timer);
  }
}

function verb(question) {
  if (asksWords(question)) return "asks you something";
  if (question.tool === "ExitPlanMode") return "wants to carry out this plan";
  return VERBS[question.kind] || `wants to use ${question.tool || "a tool"}`;
}

/** A question in a sentence. */
export function sentence(question) {
  const { tool, title, args, paths } = question;
  const about = asksWords(question) ? "" : gist({ title, name: tool, args, paths });
  return about ? `${verb(question)}: ${about}` : verb(question);
}

// A session's events as a conversation. Events come in order, and only what they change is drawn.

import { Approval } from "./approval.js";
import { el, icon, replace, setAttribute, setText } from "./dom.js";
import { count, duration, many, moment, money } from "./format.js";
import { Prose } from "./prose.js";
import { ToolView } from "./tools.js";

const ENDS = {
  done: "Done",
  failed: "Failed",
  timeout: "Out of time",
  cancelled: "Cancelled",
  interrupted: "Interrupted: the server stopped meanwhile",
};
const PLAN_MARKS = { completed: "✓", in_progress: "◐", pending: "○" };

export class Transcript {
  /** @param prompts what is known of the prompts, by turn */
  constructor(prompts) {
    this.prompts = prompts;
    this.node = el("div", { class: "transcript", role: "log", "aria-live": "off", "aria-label": "Conversation", tabindex: "0" });
    this.turns = new Map();
    this.approvals = new Map();
    this.dirty = new Set();
    this.turn = null;
  }

  /** Take an event over; `draw` shows what has changed. */
  take(event) {
    const handle = HANDLERS[event.type];
    if (handle) handle(this, event);
  }

  draw() {
    for (const part of this.dirty) part.draw();
    this.dirty.clear();
  }

  close() {
    for (const approval of this.approvals.values()) approval.close();
  }

  section(number) {
    // What belongs to no turn stands between those that it happened between.
    let turn = number ? this.turns.get(number) : this.last?.number === 0 && this.last;
    if (!turn) {
      turn = { number, tools: new Map(), texts: [], current: null, plan: null };
      turn.prompt = el("div", { class: "prompt" });
      turn.body = el("div", { class: "turn-body" });
      turn.foot = el("p", { class: "turn-foot" });
      turn.node = el(
        "section",
        { class: "turn", "aria-label": number ? `Turn ${number}` : "Between turns" },
        number > 0 && el("h3", { class: "unseen" }, `Turn ${number}`),
        number > 0 && turn.prompt,
        turn.body,
        turn.foot,
      );
      this.turns.set(number, turn);
      this.last = turn;
      this.node.append(turn.node);
    }
    return turn;
  }

  of(event) {
    return this.section(event.turn);
  }

  /** A new part of a turn; text that comes after it begins anew. */
  put(event, node, { keepsTexts = false } = {}) {
    const turn = this.of(event);
    turn.body.append(node);
    turn.current = null;
    if (!keepsTexts) turn.texts = [];
    return turn;
  }

  text(event, kind) {
    const turn = this.of(event);
    if (event.replaces) {
      for (const old of turn.texts) old.holder.remove();
      turn.texts = [];
      turn.current = null;
    }
    if (turn.current?.kind !== kind) {
      const made = new Prose();
      made.kind = kind;
      made.holder = kind === "thinking" ? thought(made) : el("div", { class: "answer" }, made.node);
      turn.body.append(made.holder);
      turn.texts.push(made);
      turn.current = made;
    }
    turn.current.add(event.text);
    this.dirty.add(turn.current);
  }

  note(event, text, kind = "") {
    this.put(event, el("p", { class: `event-note ${kind}` }, text), { keepsTexts: true });
  }
}

function thought(made) {
  return el("details", { class: "thought" }, el("summary", {}, "Thinking"), made.node);
}

const HANDLERS = {
  turn_started(log, event) {
    const turn = log.of(event);
    const known = log.prompts.get(event.turn);
    if (event.origin === "agent") {
      replace(turn.prompt, el("p", { class: "faint" }, "The agent went on by itself"));
    } else if (known) {
      replace(turn.prompt, el("p", { class: "said" }, known));
    } else {
      const bytes = many(event.prompt_bytes ?? 0, "byte");
      replace(turn.prompt, el("p", { class: "said unknown", title: "The server does not keep prompts unless store_prompts is on." }, `A prompt of ${bytes}, not kept`));
    }
    turn.node.classList.add("running");
    setText(turn.foot, event.waited_ms > 1000 ? `Waited ${duration(event.waited_ms)} in line` : "");
  },
  text: (log, event) => log.text(event, "text"),
  thinking: (log, event) => log.text(event, "thinking"),
  tool_call(log, event) {
    const turn = log.of(event);
    let tool = turn.tools.get(event.call_id);
    if (!tool) {
      tool = new ToolView();
      turn.tools.set(event.call_id, tool);
      log.put(event, tool.node);
    }
    tool.patch(event);
  },
  plan(log, event) {
    const turn = log.of(event);
    if (!turn.plan) {
      turn.plan = el("ol", { class: "plan", "aria-label": "Plan" });
      log.put(event, turn.plan, { keepsTexts: true });
    }
    replace(
      turn.plan,
      event.entries.map((entry) =>
        el("li", { "data-status": entry.status }, el("span", { "aria-hidden": "true" }, PLAN_MARKS[entry.status] || "○"), el("span", { class: "step" }, entry.content), el("span", { class: "unseen" }, ` (${entry.status})`)),
      ),
    );
  },
  permission_request(log, event) {
    const turn = log.of(event);
    const tool = turn.tools.get(event.call_id);
    const approval = new Approval({ ...event, session_id: log.sessionId }, { diffs: tool?.known.diffs });
    tool?.hide(); // what it would do is shown in the question
    log.approvals.set(event.permission_id, approval);
    log.put(event, approval.node);
  },
  permission_resolved(log, event) {
    const approval = log.approvals.get(event.permission_id);
    if (approval) {
      approval.settle(event);
      log.of(event).tools.get(approval.question.call_id)?.unhide();
    }
    else if (event.by === "policy") {
      log.note(event, `The policy ${event.state === "allowed" ? "allowed" : "refused"} ${event.tool || "a tool"}`, "quiet");
    }
  },
  retry: (log, event) => log.note(event, `The model did not answer${event.status ? ` (${event.status})` : ""}; try ${event.attempt}${event.max_attempts ? ` of ${event.max_attempts}` : ""}`, "warning"),
  background: (log, event) => event.tasks.length > 0 && log.note(event, `In the background: ${event.tasks.join(", ")}`),
  setting_changed: (log, event) => log.note(event, `${event.key} is now ${event.value}`, "quiet"),
  agent_started: (log, event) => log.note(event, `${event.agent || "The agent"}${event.version ? ` ${event.version}` : ""} ${event.resumed ? "came back, with its memory" : "started"}`, "quiet"),
  agent_stopped: (log, event) => log.note(event, `The agent's process ended: ${event.reason}`, "quiet"),
  note: (log, event) => log.note(event, event.text || event.kind),
  owner_changed: (log, event) => log.note(event, "A new start of the server took over", "quiet"),
  session_closed: (log, event) => log.note(event, `Closed: ${event.reason || "by the app"}`),
  session_reopened: (log, event) => log.note(event, "Opened again"),
  turn_ended(log, event) {
    const turn = log.of(event);
    turn.node.classList.remove("running");
    turn.current = null;
    for (const thinking of turn.body.querySelectorAll("details.thought")) thinking.open = false;
    setAttribute(turn.node, "data-state", event.state);
    replace(turn.foot, footOf(event));
    if (event.error) turn.foot.before(el("p", { class: "fault" }, icon("error"), event.error));
  },
};

function footOf({ state, duration_ms: ms, usage, at }) {
  const parts = [ENDS[state] || state];
  if (ms !== null && ms !== undefined) parts.push(duration(ms));
  if (usage?.input_tokens || usage?.output_tokens) {
    parts.push(`${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out`);
  }
  if (usage?.cost_microusd) parts.push(money(usage.cost_microusd));
  return el("span", { title: moment(at) }, parts.join(" · "));
}

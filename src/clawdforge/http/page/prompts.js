// The prompts that were sent from this tab: the server keeps none, unless it is told to.

const memory = new Map();
const encoder = new TextEncoder();

/** What is known of a session's prompts, by turn. */
export function promptsOf(sessionId) {
  if (!memory.has(sessionId)) memory.set(sessionId, new Prompts(sessionId));
  return memory.get(sessionId);
}

/** Forget all, as at the end of a login. */
export function forgetPrompts() {
  memory.clear();
}

class Prompts {
  constructor(sessionId) {
    this.key = `clawdforge.prompts.${sessionId}`;
    this.byTurn = new Map(JSON.parse(sessionStorage.getItem(this.key) || "[]"));
    this.sent = []; // on their way: which turn becomes of them is not known yet
    this.draft = "";
    this.onrefused = () => {};
  }

  /** What the server keeps of them, if it keeps any. */
  know(turns) {
    for (const { turn_index: turn, prompt } of turns) if (prompt) this.byTurn.set(turn, prompt);
  }

  /** A prompt is being sent. */
  send(text) {
    this.sent.push({ text, bytes: encoder.encode(text).length });
  }

  /** A turn has begun: is it one of ours? */
  began(turn, bytes) {
    if (this.byTurn.has(turn)) return;
    const at = this.sent.findIndex((one) => one.bytes === bytes);
    if (at >= 0) this.keep(turn, this.sent.splice(at, 1)[0].text);
  }

  /** It did not go out after all. */
  failed(text) {
    const at = this.sent.findIndex((one) => one.text === text);
    if (at >= 0) this.sent.splice(at, 1);
  }

  keep(turn, text) {
    this.byTurn.set(turn, text);
    try {
      sessionStorage.setItem(this.key, JSON.stringify([...this.byTurn].slice(-50)));
    } catch {
      // Full: then it is gone with the next load of the page.
    }
  }

  get(turn) {
    return this.byTurn.get(turn);
  }
}

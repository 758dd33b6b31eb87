// Server-sent events over fetch: unlike EventSource it sends our header, so that a cookie alone
// opens no stream. It comes back by itself, where it broke off.

import { headers } from "./api.js";

const FIRST_MS = 400;
const LONGEST_MS = 8000;
const SILENT_MS = 45_000; // the server says something every 15 s

export class Stream {
  /**
   * @param path where the events are
   * @param on called with (type, data text, id) for each event
   * @param onstate called with "connecting", "live", "waiting" (to try again), or "refused"
   * @param last the id of the last event that is known
   */
  constructor(path, { on, onstate = () => {}, last = null }) {
    this.path = path;
    this.on = on;
    this.onstate = onstate;
    this.last = last;
    this.pause = FIRST_MS;
    this.stopped = false;
    this.wake = () => {};
    this.online = () => this.wake();
    window.addEventListener("online", this.online);
    this.run();
  }

  /** End it for good. */
  close() {
    this.stopped = true;
    window.removeEventListener("online", this.online);
    this.abort?.abort();
    this.wake();
  }

  /** Give the connection back for a while. */
  pause() {
    this.paused = true;
    this.abort?.abort();
  }

  resume() {
    if (!this.paused) return;
    this.paused = false;
    this.wake();
  }

  async run() {
    while (!this.stopped) {
      if (this.paused) {
        await new Promise((resolve) => (this.wake = resolve));
        continue;
      }
      this.onstate("connecting");
      const refused = await this.once();
      if (this.stopped) return;
      if (refused) {
        this.onstate("refused", refused);
        return;
      }
      if (this.paused) continue;
      this.onstate("waiting");
      if (!this.stopped) await this.rest();
    }
  }

  rest() {
    const ms = this.pause * (0.75 + Math.random() / 2);
    this.pause = Math.min(this.pause * 2, LONGEST_MS);
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, ms);
    });
  }

  /** One connection, to its end; the status of a refusal that trying again does not mend. */
  async once() {
    this.abort = new AbortController();
    const more = this.last === null ? {} : { "Last-Event-ID": this.last };
    try {
      const response = await fetch(this.path, {
        headers: headers({ Accept: "text/event-stream", ...more }),
        signal: this.abort.signal,
        cache: "no-store",
      });
      if (!response.ok) {
        await response.body?.cancel();
        return response.status < 500 && response.status !== 429 ? response.status : null;
      }
      this.onstate("live");
      await this.read(response.body.getReader());
    } catch {
      // Broken off, or we ended it.
    } finally {
      clearTimeout(this.watch);
    }
    return null;
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let held = "";
    let seen = 0; // up to here there is no end of an event
    for (;;) {
      clearTimeout(this.watch);
      this.watch = setTimeout(() => this.abort.abort(), SILENT_MS);
      const { done, value } = await reader.read();
      if (done || this.stopped) return;
      held += decoder.decode(value, { stream: true });
      let begin = 0;
      let end;
      while ((end = held.indexOf("\n\n", Math.max(seen, begin))) !== -1) {
        this.take(held.slice(begin, end));
        begin = end + 2;
      }
      if (begin) held = held.slice(begin);
      seen = Math.max(0, held.length - 1);
    }
  }

  take(block) {
    let type = "message";
    let id = null;
    const data = [];
    for (const line of block.split("\n")) {
      if (line.startsWith("data: ")) data.push(line.slice(6));
      else if (line.startsWith("event: ")) type = line.slice(7);
      else if (line.startsWith("id: ")) id = line.slice(4);
    }
    if (!data.length) return; // a heartbeat
    this.pause = FIRST_MS;
    if (this.stopped) return;
    this.on(type, data.join("\n"), id);
    if (id !== null) this.last = id;
  }
}

// The other machines whose sessions are shown, and how fresh each picture is.

import { get } from "./api.js";
import { el, replace } from "./dom.js";
import { span } from "./format.js";
import { canWatch } from "./rights.js";

const LOOK_MS = 5_000;
const SILENT_SECS = 15; // one that lives is heard of more often

/** A list of them, kept up by itself; nothing where there are none. */
export class Machines {
  constructor() {
    this.node = el("ul", { class: "machines", "aria-label": "Other machines", hidden: true });
    this.timer = 0;
    this.closed = false;
    if (canWatch()) this.look();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  async look() {
    let hosts = null;
    if (!document.hidden) {
      hosts = await get("/monitor/hosts").then((told) => told.hosts, () => null);
    }
    if (this.closed) return;
    if (hosts) this.show(hosts);
    // Which there are is a setting of the server: where there are none, none come.
    if (!hosts || hosts.length) this.timer = setTimeout(() => this.look(), LOOK_MS);
  }

  show(hosts) {
    this.node.hidden = hosts.length === 0;
    const now = Date.now() / 1000;
    const lines = hosts.map((host) => {
      const { fresh, text } = freshness(host, now);
      const title = [text, host.hint].filter(Boolean).join("\n");
      return el("li", { "data-fresh": fresh, title }, el("strong", {}, host.name), ` ${text}`);
    });
    replace(this.node, lines);
  }
}

/** How a machine stands, in words. */
export function freshness(host, now) {
  const silent = host.heard_at === null ? null : Math.max(0, now - host.heard_at);
  if (host.live) {
    if (silent === null || silent < SILENT_SECS) return { fresh: "live", text: "live" };
    return { fresh: "silent", text: `heard of ${span(silent)} ago` };
  }
  if (!host.reason) return { fresh: "silent", text: "connecting" };
  const away = silent === null ? "" : `away for ${span(silent)}: `;
  return { fresh: "away", text: `${away}${host.reason}` };
}

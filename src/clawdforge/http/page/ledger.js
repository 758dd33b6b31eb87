// The ledger: every run and turn, and who did what.

import { el, replace } from "./dom.js";
import { ago, count, cut, duration, moment, money } from "./format.js";
import { isAdmin } from "./rights.js";
import { PagedTable } from "./table.js";

const STATES = ["running", "done", "failed", "timeout", "cancelled", "interrupted"];

export class LedgerView {
  constructor() {
    this.pane = el("div");
    const tabs = [["Runs and turns", work], ...(isAdmin() ? [["Audit", audit]] : [])];
    this.buttons = tabs.map(([name, make]) => {
      const one = el("button", { type: "button", "aria-pressed": "false", onclick: () => this.show(one, make) }, name);
      return one;
    });
    this.node = el(
      "section",
      { class: "view", "aria-labelledby": "view-title" },
      el("header", { class: "view-head" }, el("h2", { id: "view-title", tabindex: "-1" }, "Ledger"), tabs.length > 1 && el("div", { class: "segments", role: "group", "aria-label": "Which" }, this.buttons)),
      this.pane,
    );
    this.show(this.buttons[0], work);
  }

  close() {
    this.table?.close();
  }

  show(chosen, make) {
    for (const one of this.buttons) one.setAttribute("aria-pressed", String(one === chosen));
    this.table?.close();
    this.table = make();
    replace(this.pane, this.table.node);
  }
}

function work() {
  const filters = [{ key: "kind", name: "Kind", options: ["run", "turn"] }, { key: "state", name: "State", options: STATES }, { key: "agent", name: "Agent" }];
  if (isAdmin()) filters.splice(1, 0, { key: "app", name: "App" });
  return new PagedTable({
    label: "Runs and turns",
    path: isAdmin() ? "/admin/history" : "/history",
    rowsOf: (reply) => reply.work,
    empty: "Nothing yet, or nothing that fits.",
    filters,
    columns: [
      { name: "When", of: (row) => when(row.started_at) },
      { name: "App", of: (row) => row.app_name },
      { name: "What", of: what },
      { name: "Agent", of: (row) => [row.agent, row.model && el("span", { class: "faint" }, ` ${row.model}`)] },
      { name: "State", of: (row) => el("span", { class: "pill", "data-state": row.state, title: row.error }, row.state) },
      { name: "Took", number: true, of: (row) => duration(row.duration_ms) },
      { name: "Tokens", number: true, of: ({ usage }) => (usage.input_tokens === null ? "–" : `${count(usage.input_tokens)} / ${count(usage.output_tokens)}`) },
      { name: "Cost", number: true, of: (row) => money(row.usage.cost_microusd) },
    ],
  });
}

function what(row) {
  if (row.kind === "run") return el("span", { title: row.id }, "run ", el("span", { class: "faint mono" }, row.id.slice(-6)));
  return el("a", { href: `#/s/${row.session_id}`, title: row.session_id }, `turn ${row.turn} of ${row.session_id.slice(-6)}`);
}

function audit() {
  return new PagedTable({
    label: "Audit",
    path: "/admin/audit",
    rowsOf: (reply) => reply.entries,
    empty: "Nothing that fits.",
    filters: [{ key: "actor", name: "Who" }, { key: "action", name: "Did what" }, { key: "subject", name: "To what" }],
    columns: [
      { name: "When", of: (row) => when(row.at) },
      { name: "Who", of: (row) => row.actor },
      { name: "Did what", of: (row) => row.action },
      { name: "To what", kind: "mono", of: (row) => el("span", { title: row.subject }, cut(row.subject, 44)) },
      { name: "From where", kind: "mono", of: (row) => row.peer ?? "" },
      { name: "Detail", kind: "mono", of: (row) => (Object.keys(row.detail).length ? cut(JSON.stringify(row.detail), 120) : "") },
    ],
  });
}

const when = (at) => el("time", { datetime: new Date(at * 1000).toISOString(), title: moment(at) }, ago(at));

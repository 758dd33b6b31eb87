// Cost and tokens over time, by app and agent.

import { get, query } from "./api.js";
import { BarChart, COLOURS } from "./chart.js";
import { button, el, replace, setText } from "./dom.js";
import { count, duration, money, whole } from "./format.js";
import { isAdmin } from "./rights.js";

const SPANS = [
  { name: "24 hours", by: "hour", steps: 24 },
  { name: "7 days", by: "day", steps: 7 },
  { name: "30 days", by: "day", steps: 30 },
  { name: "90 days", by: "day", steps: 90 },
];
const MEASURES = {
  cost: { name: "Cost", of: (row) => row.cost_microusd, format: money },
  tokens: { name: "Tokens", of: (row) => row.input_tokens + row.output_tokens + row.cache_read_tokens + row.cache_write_tokens, format: count },
  work: { name: "Runs and turns", of: (row) => row.runs + row.turns, format: whole },
};
const REFRESH_MS = 30_000;

export class UsageView {
  constructor() {
    this.span = SPANS[1];
    this.measure = "cost";
    this.by = "app_name";
    this.rows = [];
    this.problem = el("p", { class: "problem", role: "alert" });
    this.tiles = el("dl", { class: "tiles" });
    this.legend = el("ul", { class: "legend", "aria-label": "Parts" });
    this.table = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Usage as a table" });
    this.chart = new BarChart({});
    this.node = el(
      "section",
      { class: "view", "aria-labelledby": "view-title" },
      el("header", { class: "view-head" }, el("h2", { id: "view-title", tabindex: "-1" }, "Usage"), this.controls()),
      this.problem,
      this.tiles,
      el("div", { class: "panel" }, this.chart.node, this.legend),
      el("details", { class: "panel flat" }, el("summary", {}, "As a table"), this.table),
    );
    this.load();
    this.timer = setInterval(() => document.hidden || this.load(), REFRESH_MS);
  }

  close() {
    clearInterval(this.timer);
    this.chart.close();
    this.closed = true;
  }

  controls() {
    return el(
      "div",
      { class: "controls" },
      segments("Time", SPANS.map((span) => [span.name, () => { this.span = span; this.load(); }, span === this.span])),
      segments("What", Object.entries(MEASURES).map(([key, one]) => [one.name, () => { this.measure = key; this.draw(); }, key === this.measure])),
      segments("By", [["App", "app_name"], ["Agent", "agent"]].map(([name, key]) => [name, () => { this.by = key; this.draw(); }, key === this.by])),
    );
  }

  async load() {
    const { by, steps } = this.span;
    const length = by === "hour" ? 3600 : 86_400;
    const offset = -new Date().getTimezoneOffset() * 60;
    const last = Math.floor((Date.now() / 1000 + offset) / length) * length - offset;
    const since = last - (steps - 1) * length;
    const path = isAdmin() ? "/admin/usage" : "/usage";
    try {
      const reply = await get(query(path, { by, since, offset_mins: offset / 60 }));
      if (this.closed) return;
      this.rows = reply.usage;
      this.starts = Array.from({ length: steps }, (_, at) => since + at * length);
      setText(this.problem, "");
      this.draw();
    } catch (error) {
      setText(this.problem, error.message);
    }
  }

  draw() {
    const { of, format, name } = MEASURES[this.measure];
    const sums = new Map();
    for (const row of this.rows) sums.set(row[this.by], (sums.get(row[this.by]) ?? 0) + of(row));
    const ordered = [...sums].filter(([, sum]) => sum > 0).sort(([, a], [, b]) => b - a);
    const shown = ordered.slice(0, COLOURS - 1).map(([key]) => key);
    const others = ordered.length > shown.length;
    const series = others ? [...shown, "others"] : shown;
    const steps = this.starts.map((begin) => this.step(begin, series, others, of));
    const total = steps.reduce((sum, step) => sum + step.sum, 0);
    this.chart.show({ steps, series, format, label: `${name} in the last ${this.span.name}: ${format(total)} in all` });
    replace(this.legend, series.map((key, at) => el("li", {}, el("span", { class: `swatch s${at % COLOURS}` }), key, el("span", { class: "faint" }, format(sumOf(steps, at))))));
    this.drawTiles();
    this.drawTable();
  }

  step(begin, series, others, of) {
    const values = series.map(() => 0);
    for (const row of this.rows) {
      if (row.begins_at !== begin) continue;
      const at = series.indexOf(row[this.by]);
      if (at >= 0) values[at] += of(row);
      else if (others) values[series.length - 1] += of(row);
    }
    return { ...this.words(begin), values, sum: values.reduce((a, b) => a + b, 0) };
  }

  words(begin) {
    const date = new Date(begin * 1000);
    if (this.span.by === "hour") {
      const label = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
      return { label, long: `${date.toLocaleDateString([], { weekday: "short" })} ${label}` };
    }
    return {
      label: date.toLocaleDateString([], { day: "numeric", month: "short" }),
      long: date.toLocaleDateString([], { weekday: "short", day: "numeric", month: "short" }),
    };
  }

  drawTiles() {
    const sum = (of) => this.rows.reduce((all, row) => all + of(row), 0);
    const work = sum((row) => row.runs + row.turns);
    const failed = sum((row) => row.failed);
    const ms = sum((row) => row.duration_ms);
    replace(
      this.tiles,
      tile("Cost", money(sum((row) => row.cost_microusd)), work ? `${money(sum((row) => row.cost_microusd) / work)} each` : ""),
      tile("Tokens", count(sum(MEASURES.tokens.of)), `${count(sum((row) => row.output_tokens))} written, ${count(sum((row) => row.cache_read_tokens))} from cache`),
      tile("Runs and turns", whole(work), failed ? `${whole(failed)} failed` : work ? "none failed" : ""),
      tile("Time at work", duration(ms), work ? `${duration(ms / work)} each` : ""),
    );
  }

  drawTable() {
    const heads = ["When", "App", "Agent", "Runs", "Turns", "Failed", "In", "Out", "Cache read", "Cost"];
    const rows = [...this.rows].reverse().map((row) =>
      el("tr", {}, [
        this.words(row.begins_at).long, row.app_name, row.agent, whole(row.runs), whole(row.turns), whole(row.failed),
        whole(row.input_tokens), whole(row.output_tokens), whole(row.cache_read_tokens), money(row.cost_microusd),
      ].map((text, at) => el("td", { class: at > 2 ? "number" : null }, text))),
    );
    replace(this.table, el("table", { class: "table" }, el("thead", {}, el("tr", {}, heads.map((head, at) => el("th", { scope: "col", class: at > 2 ? "number" : null }, head)))), el("tbody", {}, rows)));
  }
}

const sumOf = (steps, at) => steps.reduce((sum, step) => sum + step.values[at], 0);

function tile(name, value, note) {
  return el("div", { class: "tile" }, el("dt", {}, name), el("dd", {}, value, note && el("small", {}, note)));
}

/** A choice of one of a few, as buttons side by side. */
function segments(label, choices) {
  const buttons = choices.map(([name, onchoose, chosen]) =>
    button(name, () => {
      for (const one of buttons) one.setAttribute("aria-pressed", String(one === buttons[at(name)]));
      onchoose();
    }, { "aria-pressed": String(chosen) }),
  );
  const at = (name) => choices.findIndex(([one]) => one === name);
  return el("div", { class: "segments", role: "group", "aria-label": label }, buttons);
}

// Stacked bars over time: drawn here, small, and readable by keys and ears, too.

import { el, replace, setText, svg } from "./dom.js";

const HEIGHT = 230;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 10;
export const COLOURS = 7;

export class BarChart {
  /**
   * @param label what the chart shows, in a sentence
   */
  constructor({ label }) {
    this.label = label;
    this.at = null;
    this.readout = el("p", { class: "readout", "aria-live": "polite" });
    this.canvas = el("div", {
      class: "canvas",
      role: "application",
      tabindex: "0",
      "aria-roledescription": "chart",
      onkeydown: (event) => this.key(event),
      onpointermove: (event) => this.point(event.offsetX),
      onpointerleave: () => this.choose(null),
    });
    this.node = el("figure", { class: "chart" }, this.canvas, this.readout);
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.canvas);
  }

  close() {
    this.watch.disconnect();
  }

  /**
   * @param steps [{ label, long, values: [number by series], sum }], in order
   * @param series names, the largest first
   * @param format makes a number readable
   */
  show({ steps, series, format, label }) {
    Object.assign(this, { steps, series, format });
    this.canvas.setAttribute("aria-label", `${label}. Arrow keys tell each bar.`);
    this.choose(null);
    this.draw();
  }

  draw() {
    if (!this.steps) return;
    const width = Math.max(280, this.canvas.clientWidth);
    const most = Math.max(...this.steps.map((step) => step.sum), 0);
    const top = niceTop(most);
    const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
    this.slot = (width - LEFT) / this.steps.length;
    const bar = Math.max(1, Math.min(38, this.slot * 0.72));
    const drawing = svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const at = Math.round(y(top * share)) + 0.5;
      drawing.append(svg("line", { class: "grid", x1: LEFT, x2: width, y1: at, y2: at }));
      if (share * 2 === Math.round(share * 2)) drawing.append(svg("text", { class: "tick", x: LEFT - 8, y: at + 4, "text-anchor": "end" }, this.format(top * share)));
    }
    this.mark = svg("rect", { class: "mark-band", y: TOP, height: HEIGHT - TOP - BOTTOM, width: this.slot, x: 0, visibility: "hidden" });
    drawing.append(this.mark);
    this.steps.forEach((step, at) => drawing.append(...this.bar(step, LEFT + this.slot * (at + 0.5) - bar / 2, bar, y)));
    drawing.append(...this.labels(width));
    replace(this.canvas, drawing);
    this.choose(this.at);
  }

  bar(step, x, width, y) {
    const parts = [];
    let below = 0;
    step.values.forEach((value, at) => {
      if (!value) return;
      const from = y(below);
      below += value;
      const height = Math.max(0.5, from - y(below) - (below < step.sum ? 1 : 0));
      parts.push(svg("rect", { class: `series s${at % COLOURS}`, x, y: y(below), width, height, rx: Math.min(2, width / 3) }));
    });
    return parts;
  }

  labels(width) {
    const every = Math.ceil(62 / this.slot);
    return this.steps.flatMap((step, at) => {
      const x = LEFT + this.slot * (at + 0.5);
      if ((this.steps.length - 1 - at) % every || x < LEFT + 14 || x > width) return [];
      const last = x > width - 24;
      return [svg("text", { class: "tick", x: last ? width : x, y: HEIGHT - 5, "text-anchor": last ? "end" : "middle" }, step.label)];
    });
  }

  point(x) {
    const at = Math.floor((x - LEFT) / this.slot);
    this.choose(at >= 0 && at < this.steps.length ? at : null);
  }

  key(event) {
    const last = this.steps.length - 1;
    const next = { ArrowLeft: (this.at ?? last + 1) - 1, ArrowRight: (this.at ?? last - 1) + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") this.choose(null);
    if (next === undefined) return;
    event.preventDefault();
    this.choose(Math.max(0, Math.min(last, next)));
  }

  choose(at) {
    this.at = at;
    const step = at === null ? null : this.steps[at];
    this.mark?.setAttribute("visibility", step ? "visible" : "hidden");
    if (!step) {
      setText(this.readout, "\u00a0");
      return;
    }
    this.mark?.setAttribute("x", LEFT + this.slot * at);
    const parts = step.values
      .map((value, index) => [value, this.series[index]])
      .filter(([value]) => value)
      .map(([value, name]) => `${name} ${this.format(value)}`);
    const detail = parts.length > 1 ? ` (${parts.join(", ")})` : "";
    setText(this.readout, `${step.long}: ${step.sum ? this.format(step.sum) + detail : "nothing"}`);
  }
}

/** A round number at or above the highest bar. */
export function niceTop(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= most);
}

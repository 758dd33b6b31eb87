// The server itself: its limits, and its agents.

import { get } from "./api.js";
import { el, replace, setText } from "./dom.js";
import { span, whole } from "./format.js";
import { agents, forgetAgents } from "./modes.js";
import { canMeasure, canRun } from "./rights.js";
import { bar } from "./session.js";
import { level } from "./list.js";

const REFRESH_MS = 5000;

export class ServerView {
  constructor() {
    this.limits = el("dl", { class: "limits" });
    this.agents = el("ul", { class: "agents" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.node = el(
      "section",
      { class: "view", "aria-labelledby": "view-title" },
      el("header", { class: "view-head" }, el("h2", { id: "view-title", tabindex: "-1" }, "Server")),
      this.problem,
      canMeasure() && el("div", { class: "panel" }, el("h3", {}, "Limits"), this.limits),
      canRun() && el("div", { class: "panel" }, el("h3", {}, "Agents"), this.agents),
    );
    forgetAgents();
    this.load();
    this.loadAgents();
    this.timer = setInterval(() => document.hidden || this.load(), REFRESH_MS);
  }

  close() {
    clearInterval(this.timer);
  }

  async load() {
    if (!canMeasure()) return;
    try {
      const { limits } = await get("/limits");
      replace(this.limits, limits.map(limitRow));
      setText(this.problem, "");
    } catch (error) {
      setText(this.problem, error.message);
    }
  }

  async loadAgents() {
    if (!canRun()) return;
    try {
      replace(this.agents, (await agents()).map(agentRow));
    } catch (error) {
      setText(this.problem, error.message);
    }
  }
}

function limitRow({ name, about, limit, used }) {
  const value = name.endsWith("_secs") ? span(limit) : whole(limit);
  const percent = used === null || !limit ? null : Math.min(100, (used / limit) * 100);
  return el(
    "div",
    { "data-level": percent === null ? null : level(percent) },
    el("dt", {}, about, el("code", {}, name)),
    el("dd", {}, percent === null ? value : [el("span", { class: "bar wide-bar" }, bar(percent)), el("span", {}, `${whole(used)} of ${value}`)]),
  );
}

function agentRow({ name, available, version, driver, detail, default: isDefault }) {
  return el(
    "li",
    { "data-available": String(available) },
    el("strong", {}, name),
    isDefault && el("span", { class: "tag" }, "default"),
    el("span", { class: "faint" }, ` ${available ? version || "ready" : detail || "not available"} · driver ${driver}`),
  );
}

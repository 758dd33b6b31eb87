// The dialog for a new session.

import { post } from "./api.js";
import { ask } from "./ask.js";
import { el, setText } from "./dom.js";
import { refresh } from "./live.js";
import { agents, field, modeSelect } from "./modes.js";
import { promptsOf } from "./prompts.js";

/** Ask how it is to be; then make it, send its first turn, and look at it. */
export async function newSession() {
  const agent = el("select", { id: "new-agent" });
  const mode = modeSelect("new-mode", "ask");
  const model = el("input", { id: "new-model", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "its default" });
  const name = el("input", { id: "new-name", type: "text", maxlength: "80", autocomplete: "off", placeholder: "optional" });
  const prompt = el("textarea", { id: "new-prompt", rows: "4", placeholder: "What is to be done?", onkeydown: submitWithControl });
  const nobody = el("p", { class: "problem", role: "alert" });
  const fields = [
    field("First prompt", prompt),
    el("div", { class: "form-row" }, field("Agent", agent), field("Model", model)),
    nobody,
    field("What it may do", mode),
    field("Name", name, "Kept with the session, for you to find it by."),
  ];
  ask("New session", fields, "Begin", async () => {
    const id = await make({ agent: agent.value, mode: mode.value, model: model.value.trim(), name: name.value.trim() });
    location.hash = `#/s/${id}`;
    if (prompt.value.trim()) first(id, prompt.value);
  });
  try {
    for (const one of await agents()) {
      const detail = one.available ? "" : " (not available)";
      agent.append(el("option", { value: one.name, disabled: !one.available, selected: one.default }, one.name + detail));
    }
  } catch (error) {
    setText(nobody, error.message);
  }
}

function submitWithControl(event) {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
}

async function make({ agent, mode, model, name }) {
  const body = { agent: agent || null };
  if (mode) body.permissions = mode;
  if (model) body.model = model;
  if (name) body.meta = { title: name };
  return (await post("/sessions", body)).session_id;
}

async function first(id, text) {
  const prompts = promptsOf(id);
  prompts.send(text);
  try {
    const { turn_index: turn } = await post(`/sessions/${id}/turn`, { prompt: text, wait: false });
    prompts.keep(turn, text);
  } catch (error) {
    prompts.failed(text);
    prompts.draft = text;
    prompts.onrefused(error);
  }
  refresh();
}

// The dialog for a new session.

import { post } from "./api.js";
import { button, el, setText } from "./dom.js";
import { refresh } from "./live.js";
import { agents, field, modeSelect } from "./modes.js";
import { promptsOf } from "./prompts.js";

/** Ask how it is to be; then make it, send its first turn, and look at it. */
export async function newSession() {
  if (document.querySelector("dialog[open]")) return;
  const problem = el("p", { class: "problem", role: "alert" });
  const agent = el("select", { id: "new-agent" });
  const mode = modeSelect("new-mode", "ask");
  const model = el("input", { id: "new-model", type: "text", autocomplete: "off", spellcheck: "false", placeholder: "its default" });
  const name = el("input", { id: "new-name", type: "text", maxlength: "80", autocomplete: "off", placeholder: "optional" });
  const prompt = el("textarea", { id: "new-prompt", rows: "4", placeholder: "What is to be done?" });
  const submit = el("button", { type: "submit", class: "primary" }, "Begin");
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "new-title", onclose: () => dialog.remove() },
    el(
      "form",
      { onsubmit: (event) => begin(event) },
      el("h2", { id: "new-title" }, "New session"),
      field("First prompt", prompt),
      el("div", { class: "form-row" }, field("Agent", agent), field("Model", model)),
      field("What it may do", mode),
      field("Name", name, "Kept with the session, for you to find it by."),
      problem,
      el("div", { class: "actions end" }, button("Cancel", () => dialog.close()), submit),
    ),
  );

  async function begin(event) {
    event.preventDefault();
    submit.disabled = true;
    setText(problem, "");
    try {
      const id = await make({ agent: agent.value, mode: mode.value, model: model.value.trim(), name: name.value.trim() });
      dialog.close();
      location.hash = `#/s/${id}`;
      if (prompt.value.trim()) await first(id, prompt.value);
    } catch (error) {
      setText(problem, error.message);
      submit.disabled = false;
    }
  }

  document.body.append(dialog);
  dialog.showModal();
  prompt.focus();
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) dialog.querySelector("form").requestSubmit();
  });
  try {
    for (const one of await agents()) {
      const detail = one.available ? "" : " (not available)";
      agent.append(el("option", { value: one.name, disabled: !one.available, selected: one.default }, one.name + detail));
    }
  } catch (error) {
    setText(problem, error.message);
  }
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


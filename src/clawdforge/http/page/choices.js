// Questions that are no permission: an agent that asks for a decision, with options to choose from
// (Claude Code's AskUserQuestion). The answer goes back as the tool's input.

import { el } from "./dom.js";

/** Whether a question is one that is answered with words. */
export function asksWords(question) {
  return Array.isArray(question.args?.questions) && question.args.questions.length > 0;
}

/** A form for it; `onanswer` is called with the answers by question. */
export function choices(question, onanswer) {
  const fields = question.args.questions.map((asked, at) => field(question.permission_id, asked, at));
  return el(
    "form",
    {
      class: "choices",
      onsubmit: (event) => {
        event.preventDefault();
        const answers = {};
        for (const one of fields) {
          const given = one.read();
          if (!given) return one.node.querySelector("input").focus();
          answers[one.asked] = given;
        }
        return onanswer(answers);
      },
    },
    fields.map((one) => one.node),
    el("button", { type: "submit", class: "primary" }, "Answer"),
  );
}

function field(id, asked, at) {
  const name = `${id}-${at}`;
  const type = asked.multiSelect ? "checkbox" : "radio";
  const own = el("input", { type: "text", "aria-label": "Another answer", placeholder: "Something else" });
  const inputs = (asked.options || []).map((option) => el("input", { type, name, value: option.label }));
  own.addEventListener("input", () => {
    if (!asked.multiSelect && own.value) for (const input of inputs) input.checked = false;
  });
  const node = el(
    "fieldset",
    {},
    el("legend", {}, asked.question || asked.header || "Which?"),
    inputs.map((input, index) => {
      const { label, description } = asked.options[index];
      return el("label", { class: "choice" }, input, el("span", {}, label, description && el("small", {}, description)));
    }),
    own,
  );
  const read = () => {
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    if (own.value.trim()) chosen.push(own.value.trim());
    return chosen.join(", ");
  };
  return { node, read, asked: asked.question || asked.header || "" };
}

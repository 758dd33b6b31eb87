// How a browser gets in: by the one-time code of `clawdforge open`, or by a token.

import { login } from "./api.js";
import { el, icon, setText } from "./dom.js";

/** The code in the address, which is taken out of it at once. */
export function codeInAddress() {
  const found = /^#code=([\w-]+)$/.exec(location.hash);
  if (found) history.replaceState(null, "", location.pathname);
  return found ? found[1] : null;
}

/** The view for who is not logged in; `oninside` is called with the rights. */
export function loginView({ problem = "", oninside }) {
  const token = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const told = el("p", { class: "problem", role: "alert" }, problem);
  const submit = el("button", { type: "submit", class: "primary" }, "Log in");
  const form = el(
    "form",
    {
      async onsubmit(event) {
        event.preventDefault();
        submit.disabled = true;
        setText(told, "");
        try {
          oninside(await login({ token: token.value.trim() }));
        } catch (error) {
          setText(told, error.status === 401 ? "The server does not know this token." : error.message);
          submit.disabled = false;
          token.focus();
        }
      },
    },
    el("label", { for: "token" }, "A token"),
    el("div", { class: "form-row tight" }, token, submit),
    el("small", {}, "Of an app (", el("code", {}, "cf_…"), "), or the admin's. The page gets its rights and no more."),
  );
  return el(
    "main",
    { class: "login", id: "main", tabindex: "-1" },
    el("div", { class: "login-card" },
      el("div", { class: "brand big" }, el("img", { src: "/page/icon.svg", alt: "", width: "40", height: "40" }), el("h1", {}, "clawdforge")),
      el("p", {}, "On the server's machine there is nothing to remember. In a terminal:"),
      el("pre", { class: "code" }, el("code", {}, "clawdforge open")),
      el("p", { class: "or" }, el("span", {}, "or")),
      form,
      told,
    ),
  );
}

/** The view for a token that opens nothing here. */
export function nothingView({ scopes, name, onlogout }) {
  return el(
    "div",
    { class: "empty page-note" },
    icon("key", "large"),
    el("h2", {}, "This token shows no sessions"),
    el("p", {}, name ? `The app ${name} has ${scopes.length ? `the scope ${scopes.join(", ")}` : "no scope"}. ` : "", "To see sessions a token needs the scope run (its own) or monitor (all on this machine)."),
    el("p", {}, el("button", { type: "button", onclick: onlogout }, "Log in with another")),
  );
}

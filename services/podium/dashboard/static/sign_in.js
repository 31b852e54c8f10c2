// Signing in: an API key, which stays in this tab.

import { ApiError, call, key } from "./api.js";
import { element } from "./elements.js";

/** The form; `entered` is told whose key it is. */
export function signIn(entered, reason = "") {
  const input = element("input", {
    id: "key", type: "password", name: "key", required: true, autocomplete: "off", spellcheck: "false",
    "aria-describedby": "key-hint key-problem",
  });
  const problem = element("p", { id: "key-problem", class: "problem", role: "alert" }, reason);
  const button = element("button", { type: "submit", class: "main" }, "Sign in");
  const form = element(
    "form",
    { class: "card sign-in", onsubmit: submit },
    element("h2", {}, "Sign in"),
    element("label", { for: "key" }, "API key"),
    input,
    element(
      "p", { id: "key-hint", class: "soft" },
      "podium up prints one at its first start. The key stays in this tab and is forgotten with it.",
    ),
    problem,
    button,
  );

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.textContent = "";
    key.keep(input.value.trim());
    try {
      entered(await call("GET", "/v1/me"));
    } catch (error) {
      key.forget();
      const known = error instanceof ApiError && error.status === 401;
      problem.textContent = known ? "This key is not known, or no longer." : error.message;
      button.disabled = false;
      input.select();
    }
  }

  queueMicrotask(() => input.focus());
  return form;
}

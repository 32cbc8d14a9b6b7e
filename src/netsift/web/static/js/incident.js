// Verdicts, and a rule that hides alerts like these, with what it would have hidden.

import { element } from "./elements.js";
import { ask } from "./request.js";

const id = document.getElementById("incident").dataset.id;
const state = document.getElementById("verdict-state");
const form = document.getElementById("suppress");
const opener = document.getElementById("suppress-open");
const effect = document.getElementById("effect");
const wrong = document.getElementById("suppress-error");
const field = (name) => document.getElementById(`s-${name}`);
const listed = (name) => field(name).value.split(",").map((text) => text.trim()).filter(Boolean);
const scope = () => ({ source: listed("source"), target: listed("target"), category: listed("category") });

for (const button of document.querySelectorAll("#verdicts [data-verdict]")) {
  button.addEventListener("click", async () => {
    try {
      const answer = await ask(`/api/v1/alerts/${id}/feedback`, { method: "POST", body: { verdict: button.dataset.verdict } });
      state.textContent = `Kept: ${answer.verdict}, for ${answer.alerts} ${answer.alerts === 1 ? "alert" : "alerts"}.`;
      for (const other of document.querySelectorAll("#verdicts [data-verdict]")) other.setAttribute("aria-pressed", String(other === button));
    } catch (problem) {
      state.textContent = problem.message;
    }
  });
}

let waiting;
let asked = 0;

function preview() {
  clearTimeout(waiting);
  waiting = setTimeout(async () => {
    const number = ++asked;
    try {
      const found = await ask("/api/v1/suppressions/dry-run", { method: "POST", body: scope() });
      if (number !== asked) return;
      const grave = found.objections.length > 0;
      document.getElementById("grave-line").hidden = !grave;
      effect.classList.toggle("warn", grave);
      effect.replaceChildren(
        element("p", {}, `Of ${found.alerts} alerts it would have hidden ${found.hidden}; ${found.incidents_gone} of ${found.incidents} incidents would be gone.`),
        ...found.objections.map((text) => element("p", {}, `Think twice: ${text}.`)),
        found.examples.length ? element("ul", {}, ...found.examples.map((text) => element("li", { class: "small wrap" }, text))) : null);
    } catch (problem) {
      if (number === asked) effect.textContent = problem.message;
    }
  }, 250);
}

function open(wanted) {
  form.hidden = !wanted;
  opener.setAttribute("aria-expanded", String(wanted));
  if (wanted) {
    preview();
    field("reason").focus();
  } else opener.focus();
}

opener.addEventListener("click", () => open(form.hidden));
document.getElementById("suppress-close").addEventListener("click", () => open(false));
for (const name of ["source", "target", "category"]) field(name).addEventListener("input", preview);
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  wrong.hidden = true;
  const body = { ...scope(), reason: field("reason").value, days: Number(field("days").value), even_if_grave: document.getElementById("grave").checked };
  try {
    const answer = await ask("/api/v1/suppressions", { method: "POST", body });
    open(false);
    state.textContent = `Rule ${answer.rule.id} hides ${answer.hidden} alerts until it expires.`;
  } catch (problem) {
    wrong.textContent = problem.message;
    wrong.hidden = false;
  }
});

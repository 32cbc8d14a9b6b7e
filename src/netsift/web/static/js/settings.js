// Removing rules.

import { ask } from "./request.js";

const wrong = document.getElementById("rule-error");
for (const button of document.querySelectorAll("[data-rule]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await ask(`/api/v1/suppressions/${button.dataset.rule}`, { method: "DELETE" });
      button.closest("tr").remove();
    } catch (problem) {
      button.disabled = false;
      wrong.textContent = problem.message;
      wrong.hidden = false;
    }
  });
}

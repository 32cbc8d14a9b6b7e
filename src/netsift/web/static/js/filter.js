// A filter applies as soon as something is chosen; what is typed waits for Enter.

const form = document.getElementById("filter");
for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
form.addEventListener("submit", () => {
  for (const input of form.elements) if (input.name && !input.value) input.disabled = true;
});

// The form for one flow, the paste box, and a file that becomes incidents.

import { element, number, percent, size, words } from "./elements.js";
import { ask, upload } from "./request.js";
import { watch } from "./watch.js";

const form = document.getElementById("flow");
const state = document.getElementById("flow-state");
const verdict = document.getElementById("verdict");
const tabs = [...document.querySelectorAll('[role="tab"]')];
const inputs = [...form.querySelectorAll(".field input, .field select")];

let model;
const inspected = async () => (model ??= await ask("/api/v1/models/active"));

function choose(tab, focus = false) {
  for (const other of tabs) {
    const here = other === tab;
    other.setAttribute("aria-selected", String(here));
    other.tabIndex = here ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !here;
  }
  if (focus) tab.focus();
}

for (const [place, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) choose(tabs[(place + step + tabs.length) % tabs.length], true);
  });
}

document.getElementById("fill").addEventListener("click", async () => {
  const detail = await inspected();
  const flow = detail.examples[document.getElementById("example").value];
  for (const input of inputs) input.value = flow[input.name] ?? "";
  document.getElementById("features").value = detail.columns_in_order.map((column) => flow[column.name] ?? "").join(", ");
  clear();
  state.textContent = "Filled in; every value can be changed.";
});

function valueOf(input) {
  const text = input.value.trim();
  if (text === "") return null;
  if (input.tagName === "SELECT") return text;
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function clear() {
  for (const input of inputs) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  for (const message of form.querySelectorAll(".field-error")) message.hidden = true;
}

function complain(problem) {
  let first;
  for (const { field, message } of problem.errors) {
    const name = field.replace(/^rows\.0\./, "");
    const input = inputs.find((one) => one.name === name);
    const place = document.getElementById(`e-${name}`);
    if (!input || !place) continue;
    place.textContent = message;
    place.hidden = false;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", place.id);
    first ??= input;
  }
  if (first) {
    if (first.closest("#more")) document.getElementById("more").open = true;
    first.focus();
  }
  state.textContent = problem.message;
}

function reasons(prediction) {
  if (!prediction.explanation?.length) return element("p", { class: "muted" }, "No column raised the score.");
  const most = Math.max(...prediction.explanation.map((one) => one.contribution));
  return element("table", { class: "bars" }, element("tbody", {}, ...prediction.explanation.map((one) =>
    element("tr", {},
      element("th", { scope: "row" }, one.words, one.unusual ? element("span", { class: "tag warn" }, "unusual") : null),
      element("td", {}, element("meter", { min: "0", max: String(most), value: String(one.contribution) }, percent(one.contribution))),
      element("td", { class: "num" }, `+${one.contribution.toFixed(3)}`)))));
}

function show(answer) {
  const prediction = answer.predictions[0];
  const benign = prediction.class === "benign";
  const likely = Object.entries(prediction.probabilities).sort((one, other) => other[1] - one[1]).slice(0, 4);
  verdict.replaceChildren(
    element("div", { class: `verdict ${prediction.flagged ? "bad" : "good"}` },
      element("p", { class: "verdict-class" }, benign ? "benign" : words(prediction.class)),
      element("p", {}, `probability ${percent(prediction.probability)}, of any attack ${percent(prediction.score)}`),
      element("p", { class: "small" }, prediction.flagged
        ? `Flagged: the score reaches ${answer.threshold.toFixed(3)}.`
        : `Not flagged: the score is below ${answer.threshold.toFixed(3)}.`)),
    element("div", { class: "grid two" },
      element("div", {}, element("h3", {}, "Why"), reasons(prediction)),
      element("div", {}, element("h3", {}, "What else it may be"),
        element("table", { class: "bars" }, element("tbody", {}, ...likely.map(([name, share]) =>
          element("tr", {}, element("th", { scope: "row" }, words(name)), element("td", {}, element("meter", { min: "0", max: "1", value: String(share) }, percent(share))), element("td", { class: "num" }, percent(share)))))))));
  verdict.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clear();
  verdict.hidden = true;
  state.textContent = "…";
  const pasted = !document.getElementById("panel-paste").hidden;
  const body = pasted
    ? { features: document.getElementById("features").value, explain: "all" }
    : { rows: [Object.fromEntries(inputs.map((input) => [input.name, valueOf(input)]))], explain: "all" };
  const begun = performance.now();
  try {
    const answer = await ask("/api/v1/predict", { method: "POST", body });
    state.textContent = `Answered in ${number(Math.max(performance.now() - begun, 1))} ms.`;
    show(answer);
  } catch (problem) {
    complain(problem);
  }
});

// A file

const drop = document.getElementById("upload");
const chooser = document.getElementById("file");
const box = document.getElementById("progress");
const bar = document.getElementById("progress-bar");
const told = document.getElementById("progress-text");
const result = document.getElementById("job-result");
const cancel = document.getElementById("cancel");
let stop = () => {};

function say(text, share) {
  told.textContent = text;
  if (share === undefined) bar.removeAttribute("value");
  else bar.value = share;
}

function ended(children) {
  box.hidden = true;
  drop.hidden = false;
  chooser.value = "";
  result.replaceChildren(...children);
  result.hidden = false;
}

function done(job) {
  const found = job.result;
  ended([
    element("p", { class: found.incidents ? "note bad" : "note good" },
      element("strong", {}, found.incidents ? `${number(found.incidents)} ${found.incidents === 1 ? "incident" : "incidents"}` : "Nothing was found"),
      ` in ${number(found.flows)} flows of ${number(found.packets)} packets. `,
      element("a", { href: `/analyse/jobs/${job.id}` }, "Show all of it")),
  ]);
}

function follow(job) {
  stop = () => ask(`/api/v1/jobs/${job.id}/cancel`, { method: "POST" });
  say("waiting for its turn", 0);
  watch(`/api/v1/jobs/${job.id}/events`, {
    job(now) {
      if (now.state === "running") say(`${now.stage}, ${percent(now.progress, 0)}`, now.progress);
      if (now.state === "done") {
        done(now);
        location.assign(`/analyse/jobs/${now.id}`);
      } else if (now.state === "failed") ended([element("p", { class: "note bad", role: "alert" }, `It cannot be looked at: ${now.error}.`)]);
      else if (now.state === "cancelled") ended([element("p", { class: "note" }, "Cancelled.")]);
      else return "go on";
      return "done";
    },
    lost() {
      say("the server cannot be reached; it is tried again");
    },
  });
}

async function send(file) {
  result.hidden = true;
  if (file.size > Number(drop.dataset.most)) {
    ended([element("p", { class: "note bad", role: "alert" }, `${file.name} is too large: ${size(file.size)} of at most ${size(Number(drop.dataset.most))}.`)]);
    return;
  }
  document.getElementById("progress-name").textContent = file.name;
  drop.hidden = true;
  box.hidden = false;
  say("uploading", 0);
  const sent = upload(`/api/v1/captures?name=${encodeURIComponent(file.name.slice(-200))}`, file, (share) => say(`uploading ${percent(share, 0)} of ${size(file.size)}`, share));
  stop = sent.cancel;
  try {
    follow((await sent.finished).job);
  } catch (problem) {
    ended([element("p", { class: "note bad", role: "alert" }, problem.message)]);
  }
}

cancel.addEventListener("click", () => stop());
chooser.addEventListener("change", () => chooser.files[0] && send(chooser.files[0]));
drop.addEventListener("submit", (event) => event.preventDefault());
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) send(event.dataTransfer.files[0]);
});

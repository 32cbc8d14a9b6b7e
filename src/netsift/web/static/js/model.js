// One model: curves, confusion matrix, and what a threshold would cost.

import { lines } from "./charts.js";
import { element, number, percent, words } from "./elements.js";
import { ask } from "./request.js";

const id = document.getElementById("model").dataset.model;
const chooser = document.getElementById("protocol");
const slider = document.getElementById("threshold");
const perDay = document.getElementById("flows-per-day");
const metrics = await ask(`/api/v1/models/${id}/metrics`);

const chosen = () => metrics.evaluation.find((one) => one.protocol === chooser.value);

function precisionOf(result, place) {
  const attacks = result.attack_rows ?? 0;
  const found = result.curve.recall[place] * attacks;
  const wrong = result.curve.false_positive_rate[place] * (result.rows - attacks);
  return found + wrong > 0 ? found / (found + wrong) : 1;
}

function curves(result) {
  const curve = result.curve;
  for (const name of ["roc", "pr"]) document.getElementById(name).hidden = !curve;
  if (!curve) return;
  lines(document.getElementById("roc"), [
    { name: "chance", x: [0, 1], y: [0, 1], colour: "--faint", dash: "dot", hover: "<extra></extra>" },
    { name: "model", x: [0, ...curve.false_positive_rate, 1], y: [0, ...curve.recall, 1], hover: "%{y:.3f} found<extra></extra>" },
  ], { x: "false-positive rate", y: "recall", xaxis: { range: [0, 1] }, yaxis: { range: [0, 1.02] } });
  lines(document.getElementById("pr"), [
    { name: "model", x: curve.recall, y: curve.recall.map((_, place) => precisionOf(result, place)), hover: "%{y:.3f} right<extra></extra>" },
  ], { x: "recall", y: "precision", xaxis: { range: [0, 1] }, yaxis: { range: [0, 1.02] } });
}

function confusion(result) {
  const table = document.getElementById("confusion");
  table.replaceChildren();
  if (!result.confusion.length) {
    table.append(element("caption", {}, "This evaluation has none."));
    return;
  }
  const head = element("tr", {}, element("td"), ...metrics.classes.map((name) => element("th", { scope: "col" }, element("span", {}, words(name)))));
  const rows = result.confusion.map((counts, row) => {
    const total = counts.reduce((sum, count) => sum + count, 0);
    return element("tr", {}, element("th", { scope: "row" }, words(metrics.classes[row])), ...counts.map((count, column) => {
      const share = total ? count / total : 0;
      const cell = element("td", { class: row === column ? "right" : "", title: `${number(count)} of ${number(total)} flows` }, share >= 0.005 ? (share * 100).toFixed(0) : "");
      cell.dataset.step = String(Math.min(4, Math.ceil(share * 4)));
      return cell;
    }));
  });
  table.append(element("thead", {}, head), element("tbody", {}, ...rows));
}

function cost() {
  const curve = chosen().curve;
  const texts = { "at-threshold": "–", "at-recall": "–", "at-rate": "–", "at-day": "–" };
  if (curve) {
    const place = curve.score.length - 1 - Number(slider.value);
    const flows = Number(perDay.value.replaceAll(/[^0-9]/g, ""));
    const rate = curve.false_positive_rate[place];
    texts["at-threshold"] = curve.score[place].toFixed(3);
    texts["at-recall"] = percent(curve.recall[place]);
    texts["at-rate"] = percent(rate, 3);
    texts["at-day"] = number(Math.round(rate * flows));
  }
  for (const [name, text] of Object.entries(texts)) document.getElementById(name).textContent = text;
}

function show() {
  const result = chosen();
  document.getElementById("meaning").textContent = result.meaning;
  const points = result.curve?.score.length ?? 0;
  slider.max = String(Math.max(points - 1, 0));
  const place = result.curve ? result.curve.false_positive_rate.findLastIndex((rate) => rate <= 0.01) : 0;
  slider.value = String(Math.max(points - 1 - Math.max(place, 0), 0));
  curves(result);
  confusion(result);
  cost();
}

chooser.addEventListener("change", show);
slider.addEventListener("input", cost);
perDay.addEventListener("input", cost);
document.getElementById("activate")?.addEventListener("click", async (event) => {
  await ask(`/api/v1/models/${event.target.dataset.model}/activate`, { method: "POST" });
  location.reload();
});
show();

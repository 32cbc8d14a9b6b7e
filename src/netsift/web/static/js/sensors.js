// The sensors: how they are now, and what they saw by time.

import { lines } from "./charts.js";
import { number } from "./elements.js";
import { ask } from "./request.js";

const MOST_LIVE = 150;
const LEAST_SPAN_MS = 300_000;
const EVERY_MS = 10_000;
const words = { watching: "watching", troubled: "in trouble", down: "interface down", silent: "silent", ended: "ended" };

export function bits(value) {
  const steps = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
  let step = 0;
  while (value >= 1000 && step < steps.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${number(step ? Number(value.toPrecision(3)) : Math.round(value))} ${steps[step]}`;
}

const live = new Map();
let before = [];

export function show(sensors) {
  const box = document.getElementById("sensors");
  if (!box) return sensors.length > 0;
  const names = sensors.map((one) => one.name);
  for (const one of sensors) {
    const row = box.querySelector(`[data-sensor="${CSS.escape(one.name)}"]`);
    if (!row) continue;
    const put = (field, text) => { row.querySelector(`[data-field="${field}"]`).textContent = text; };
    row.dataset.condition = one.condition;
    put("condition", words[one.condition]);
    put("packets", number(Math.round(one.packets_per_s)));
    put("flows", number(Math.round(one.flows_per_s)));
    put("bits", bits(one.bits_per_s));
    put("lag", one.kind === "folder" ? "–" : `${number(Math.round(one.lag_s * 10) / 10)} s`);
    put("dropped", number(one.dropped_packets));
    const lost = Object.entries(one.lost).filter(([, count]) => count).map(([name, count]) => `${number(count)} ${name}`);
    put("lost", lost.join(", ") || "nothing lost");
    put("trouble", one.troubles.join("; "));
    remember(one);
  }
  const changed = before.length > 0 && names.join() !== before.join();
  before = names;
  return changed;
}

function remember(one) {
  if (one.condition === "silent" || one.condition === "ended") return;
  const points = live.get(one.name) ?? [];
  points.push({ at: new Date(one.written), packets: one.packets_per_s, flows: one.flows_per_s, bits: one.bits_per_s });
  live.set(one.name, points.slice(-MOST_LIVE));
}

const charts = document.getElementById("sensor-charts");
const chooser = document.getElementById("sensor");
let drawing;

async function draw() {
  clearTimeout(drawing);
  drawing = setTimeout(draw, EVERY_MS);
  const name = chooser?.value ?? charts.dataset.sensor;
  const hours = document.getElementById("sensor-hours").value;
  try {
    const series = await ask(`/api/v1/sensors/${encodeURIComponent(name)}/series?hours=${hours}`);
    const x = series.starts.map((text) => new Date(text));
    const last = x.findLastIndex((_, place) => series.packets_per_s[place] !== null);
    const ends = last < 0 ? 0 : x[last].getTime() + series.step_s * 1000;
    const now = (live.get(name) ?? []).filter((point) => point.at.getTime() > ends);
    // The first minutes of a sensor are drawn as a part of five, not blown up to the whole width.
    const until = Date.now();
    const range = [new Date(Math.min(x[0]?.getTime() ?? until, until - LEAST_SPAN_MS)), new Date(until)];
    const options = { xaxis: { type: "date", nticks: 4, range }, yaxis: { tickformat: "~s", nticks: 5 }, margin: { l: 44, r: 8, t: 6, b: 30 } };
    const line = (id, values, field, unit) => lines(document.getElementById(id), [{
      name: field, x: [...x.slice(0, last + 1), ...now.map((point) => point.at)],
      y: [...values.slice(0, last + 1), ...now.map((point) => point[field])], hover: `%{y:.3~s}${unit}<extra></extra>`, fill: "tozeroy",
    }], options);
    await Promise.all([
      line("s-packets", series.packets_per_s, "packets", " packets/s"),
      line("s-flows", series.flows_per_s, "flows", " flows/s"),
      line("s-bits", series.bits_per_s, "bits", "bit/s"),
      score(series, x, options),
    ]);
  } catch (problem) {
    document.getElementById("sensor-error").textContent = problem.message;
  }
}

async function score(series, x, options) {
  const known = series.scores.some((value) => value !== null);
  document.getElementById("s-score-figure").hidden = !known;
  if (!known) return;
  const shown = [{ name: "score", x, y: series.scores, hover: "%{y:.3f}<extra></extra>" }];
  if (series.usual) {
    const ends = [x[0], x[x.length - 1]];
    const edge = (value, name, fill) => ({ name, x: ends, y: [value, value], colour: "--muted", dash: "dot", width: 1, fill, hover: `${name} %{y:.3f}<extra></extra>` });
    shown.unshift(edge(series.usual[0], "usual, from"), edge(series.usual[1], "usual, to", "tonexty"));
  }
  await lines(document.getElementById("s-score"), shown, { ...options, yaxis: { nticks: 5 } });
}

if (charts) {
  chooser?.addEventListener("change", draw);
  document.getElementById("sensor-hours").addEventListener("change", draw);
  // The first live numbers come within seconds; a young sensor has no others.
  setTimeout(draw, 5_000);
  draw();
}

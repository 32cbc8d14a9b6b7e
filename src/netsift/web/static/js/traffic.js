// Flows, packets and bits per second by time.

import { lines } from "./charts.js";
import { ask } from "./request.js";

export async function traffic(path, [flows, packets, bits]) {
  try {
    const series = await ask(path);
    const x = series.starts.map((text) => new Date(text));
    const per = (values, factor = 1) => values.map((value) => (value * factor) / series.step_s);
    const options = { xaxis: { type: "date", nticks: 4 }, yaxis: { tickformat: "~s", nticks: 5 }, margin: { l: 44, r: 8, t: 6, b: 30 } };
    await Promise.all([
      lines(flows, [{ name: "flows", x, y: per(series.flows), hover: "%{y:.3~s} flows/s<extra></extra>", fill: "tozeroy" }], options),
      lines(packets, [{ name: "packets", x, y: per(series.packets), hover: "%{y:.3~s} packets/s<extra></extra>", fill: "tozeroy" }], options),
      lines(bits, [{ name: "bits", x, y: per(series.bytes, 8), hover: "%{y:.3~s}bit/s<extra></extra>", fill: "tozeroy" }], options),
    ]);
  } catch (problem) {
    for (const chart of [flows, packets, bits]) chart.textContent = problem.message;
  }
}

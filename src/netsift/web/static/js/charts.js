// Charts: Plotly, lines only, in the colours of the page.

let loading;

export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.querySelector('meta[name="plotly"]').content;
    script.addEventListener("load", () => resolve(window.Plotly));
    script.addEventListener("error", () => reject(new Error("The chart library cannot be loaded.")));
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const drawn = new Map();

function layout(options) {
  const grid = colour("--border");
  const axis = { gridcolor: grid, linecolor: grid, zerolinecolor: grid, tickfont: { size: 11 }, fixedrange: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--muted") },
    margin: options.margin ?? { l: 52, r: 12, t: 8, b: 40 },
    showlegend: Boolean(options.legend),
    legend: { orientation: "h", y: 1.12, x: 0 },
    hovermode: "x unified",
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: grid, font: { color: colour("--text") } },
    xaxis: { ...axis, title: { text: options.x ?? "", font: { size: 12 } }, ...options.xaxis },
    yaxis: { ...axis, title: { text: options.y ?? "", font: { size: 12 } }, rangemode: "tozero", ...options.yaxis },
  };
}

// `series` are {name, x, y, colour, dash, fill}; `colour` names a custom property of the style sheet.
export async function lines(target, series, options = {}) {
  drawn.set(target, [series, options]);
  const library = await plotly();
  const traces = series.map((one) => ({
    type: "scatter", mode: "lines", name: one.name, x: one.x, y: one.y, fill: one.fill,
    hovertemplate: one.hover, fillcolor: one.fill ? `${colour(one.colour ?? "--accent")}22` : undefined,
    line: { color: colour(one.colour ?? "--accent"), width: one.width ?? 1.8, dash: one.dash },
  }));
  await library.react(target, traces, layout(options), { displayModeBar: false, responsive: true, ...options.config });
}

document.addEventListener("theme", () => {
  for (const [target, [series, options]] of drawn) if (target.isConnected) lines(target, series, options);
});

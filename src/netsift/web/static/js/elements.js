// Makes elements; text is always text, never markup.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "class") made.className = value;
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const percent = (share, digits = 1) => `${(share * 100).toFixed(digits)} %`;

export const words = (name) => name.replaceAll("_", " ");

export function number(value) {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 100 || Number.isInteger(value)
    ? value.toLocaleString("en", { maximumFractionDigits: 0 })
    : value.toPrecision(3);
}

export function size(bytes) {
  const steps = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let step = 0;
  while (bytes >= 1024 && step < steps.length - 1) {
    bytes /= 1024;
    step += 1;
  }
  return `${step ? bytes.toPrecision(3) : bytes} ${steps[step]}`;
}

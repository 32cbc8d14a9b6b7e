// What every page does: times, theme, whether the server is there.

import { localise } from "./times.js";

localise();

const dark = matchMedia("(prefers-color-scheme: dark)");
const root = document.documentElement;

document.getElementById("theme").addEventListener("click", () => {
  const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // The choice then lasts as long as the page.
  }
  document.dispatchEvent(new CustomEvent("theme"));
});
dark.addEventListener("change", () => document.dispatchEvent(new CustomEvent("theme")));

const banner = document.getElementById("offline");
let failures = 0;

async function look() {
  try {
    const answer = await fetch("/healthz", { cache: "no-store" });
    failures = answer.ok ? 0 : failures + 1;
  } catch {
    failures += 1;
  }
  banner.hidden = failures < 2 && navigator.onLine !== false;
  setTimeout(look, failures ? 3_000 : 20_000);
}

setTimeout(look, 20_000);
addEventListener("offline", () => { failures = 2; look(); });
addEventListener("online", look);

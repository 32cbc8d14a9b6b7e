"use strict";
// Runs before the page is drawn, so that a dark page does not flash white.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; the system's own scheme applies then.
}

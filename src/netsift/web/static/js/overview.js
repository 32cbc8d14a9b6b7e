// What changes by itself: health, jobs, open incidents; and the traffic's charts.

import { show } from "./sensors.js";
import { traffic } from "./traffic.js";
import { watch } from "./watch.js";

const live = document.getElementById("live");
const put = (id, text) => {
  const place = document.getElementById(id);
  if (place) place.textContent = text;
};
let before;

watch("/api/v1/events", {
  status(status) {
    if (!live.querySelector("a")) live.textContent = "live";
    put("jobs", status.jobs_running === 1 ? "1 file" : `${status.jobs_running} files`);
    put("queued", status.jobs_queued);
    for (const [name, count] of Object.entries(status.severities)) put(`n-${name}`, count);
    if (show(status.sensors)) location.reload();
    const now = `${status.last_seen} ${status.open_incidents}`;
    if (before !== undefined && before !== now) {
      live.replaceChildren(Object.assign(document.createElement("a"), { href: location.href, textContent: "New: show" }));
      if (document.getElementById("nothing")) location.reload();
    }
    before = now;
  },
  lost() {
    live.textContent = "not live: trying again";
  },
});

const charts = ["flows", "packets", "bits"].map((name) => document.getElementById(`c-${name}`));
if (charts[0]) traffic("/api/v1/flows/series", charts);

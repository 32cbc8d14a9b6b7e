// A job that is not over yet: the page comes again when it is.

import { percent } from "./elements.js";
import { watch } from "./watch.js";

const box = document.getElementById("job");
watch(`/api/v1/jobs/${box.dataset.id}/events`, {
  job(job) {
    if (["done", "failed", "cancelled"].includes(job.state)) {
      location.reload();
      return "done";
    }
    document.getElementById("job-text").textContent = job.state === "queued" ? "waiting for its turn" : `${job.stage}, ${percent(job.progress, 0)}`;
    document.getElementById("job-bar").value = job.progress;
    return "go on";
  },
});

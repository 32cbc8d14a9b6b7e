// The charts of the flows that are shown.

import { traffic } from "./traffic.js";

const path = document.getElementById("series").dataset.path;
traffic(path, ["flows", "packets", "bits"].map((name) => document.getElementById(`c-${name}`)));

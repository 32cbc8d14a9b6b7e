// Requests to the API: JSON in and out, problem details as errors.

const token = document.querySelector('meta[name="csrf-token"]')?.content ?? "";

export class Problem extends Error {
  constructor(problem) {
    super(problem.detail || problem.title || "The request failed.");
    this.status = problem.status ?? 0;
    this.errors = problem.errors ?? [];
  }
}

export async function ask(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json, application/problem+json", "X-CSRF-Token": token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, {
      method, headers, signal, credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "The server cannot be reached." });
  }
  const content = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem({ status: answer.status, ...content });
  return content;
}

// Sends a file as it is; `progress` is told the share that has gone.
export function upload(path, file, progress) {
  const request = new XMLHttpRequest();
  const finished = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) => progress(event.loaded / (event.total || 1)));
    request.addEventListener("load", () => {
      let content = {};
      try {
        content = JSON.parse(request.responseText);
      } catch {
        content = { detail: "The server's answer cannot be read." };
      }
      if (request.status >= 200 && request.status < 300) resolve(content);
      else reject(new Problem({ status: request.status, ...content }));
    });
    request.addEventListener("error", () => reject(new Problem({ detail: "The server cannot be reached." })));
    request.addEventListener("abort", () => reject(new Problem({ detail: "Cancelled." })));
  });
  request.open("PUT", path);
  request.setRequestHeader("X-CSRF-Token", token);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.send(file);
  return { finished, cancel: () => request.abort() };
}

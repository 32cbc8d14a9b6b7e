// Server-sent events that come back by themselves, later each time.

export function watch(path, { lost, done, ...handlers }) {
  let source;
  let wait = 1_000;
  let closed = false;

  function open() {
    if (closed) return;
    source = new EventSource(path);
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => {
        wait = 1_000;
        if (handle(JSON.parse(event.data)) === "done") close();
      });
    }
    source.addEventListener("error", () => {
      source.close();
      if (closed) return;
      lost?.();
      setTimeout(open, wait);
      wait = Math.min(wait * 2, 30_000);
    });
  }

  function close() {
    closed = true;
    source?.close();
    done?.();
  }

  addEventListener("pagehide", () => source?.close());
  open();
  return close;
}

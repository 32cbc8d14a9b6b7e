"""Server-sent events (WHATWG HTML, section 9.2): a stream per page that watches something, as many as are allowed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask import Response

from netsift.web.errors import Refusal

LONGEST_S: Final = 300.0
"""After this a stream ends, and the browser asks again: so somebody who logged out hears no more."""
_KEEP_ALIVE_S: Final = 10.0


class StreamSlots:
    """How many streams may be open; each keeps a thread of the server busy."""

    def __init__(self, most: int) -> None:
        """Allow ``most`` streams at once."""
        self.most = most
        self._free = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self.open = 0

    def take(self) -> None:
        """Take one. Raises Refusal (503) when all are taken."""
        if not self._free.acquire(blocking=False):
            raise Refusal(503, "Too many pages are watching at once.", headers={"Retry-After": "5"})
        with self._lock:
            self.open += 1

    def give_back(self) -> None:
        """Give one back."""
        with self._lock:
            self.open -= 1
        self._free.release()


def event_stream(
    slots: StreamSlots,
    look: Callable[[], tuple[str, dict[str, Any], bool]],
    every_s: float,
    clock: Callable[[], float] = time.monotonic,
) -> Response:
    """Return a stream of what ``look`` says: name and content of an event, and whether it is the last.

    It is asked every so many seconds, outside of the request, and what it says is sent when it has changed. Raises
    Refusal when too many streams are open.
    """
    slots.take()

    def events() -> Iterator[str]:
        ends, spoke, before = clock() + LONGEST_S, clock(), ""
        while clock() < ends:
            name, content, last = look()
            text = json.dumps(content, separators=(",", ":"))
            if text != before:
                before, spoke = text, clock()
                yield f"event: {name}\ndata: {text}\n\n"
            if last:
                return
            if clock() - spoke > _KEEP_ALIVE_S:
                spoke = clock()
                yield ": still here\n\n"
            time.sleep(every_s)

    answer = Response(events(), content_type="text/event-stream; charset=utf-8")
    answer.headers["X-Accel-Buffering"] = "no"
    answer.call_on_close(slots.give_back)
    return answer

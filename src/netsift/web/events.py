"""Server-sent events (WHATWG HTML, section 9.2): a stream per page that watches something, as many as are allowed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Response

from netsift.errors import NetsiftError
from netsift.web.errors import LATER, LOGGER, PROBLEM_TYPE, Problem, Refusal
from netsift.web.headers import FIXED

LONGEST_S: Final = 300.0
"""After this a stream ends, and the browser asks again: so somebody who logged out hears no more."""
_KEEP_ALIVE_S: Final = 10.0
_STREAMS: Final = "/events"
"""How the paths of streams end."""
_TOO_MANY: Final = "Too many pages are watching at once."


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
            raise Refusal(503, _TOO_MANY, headers=LATER)
        with self._lock:
            self.open += 1

    def give_back(self) -> None:
        """Give one back."""
        with self._lock:
            self.open -= 1
        self._free.release()


class StreamGate:
    """Refuses streams that there is no place for before anything else looks at the request.

    A thousand pages that ask again and again would otherwise take the time of those that are to be served.
    """

    def __init__(self, application: WSGIApplication, slots: StreamSlots) -> None:
        """Stand before an application."""
        self._application, self._slots = application, slots

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that asks for a stream when all are taken; hand on every other."""
        path = environ.get("PATH_INFO", "")
        free = self._slots.open < self._slots.most or environ.get("REQUEST_METHOD") != "GET"
        if free or not path.endswith(_STREAMS) or not path.startswith("/api/"):
            return self._application(environ, start_response)
        problem = Problem(title="Service Unavailable", status=503, detail=_TOO_MANY, instance=path)
        answer = Response(problem.model_dump_json(), 503, content_type=PROBLEM_TYPE, headers=LATER)
        for name, value in FIXED.items():
            answer.headers.setdefault(name, value)
        answer.headers["Cache-Control"] = "no-store"
        return answer(environ, start_response)


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
            try:
                name, content, last = look()
            except NetsiftError as error:
                # The page asks again, and is told so until all is well.
                LOGGER.error("event stream: %s", error)
                return
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

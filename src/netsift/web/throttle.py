"""How often somebody may try to log in: a few times, then after a while again."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

MOST_FAILURES: Final = 5
WINDOW_S: Final = 300.0
MOST_KEYS: Final = 10_000


class Throttle:
    """Counts failures by key (a name, an address) in a sliding window; the keys longest unseen make room."""

    def __init__(
        self, most: int = MOST_FAILURES, window_s: float = WINDOW_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Allow ``most`` failures in ``window_s`` seconds."""
        self._most, self._window_s, self._clock = most, window_s, clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, *keys: str) -> int:
        """Return for how many seconds the keys must wait, 0 when they may try."""
        now = self._clock()
        with self._lock:
            waits = [0.0]
            for key in keys:
                failures = self._recent(key, now)
                if len(failures) >= self._most:
                    waits.append(failures[0] + self._window_s - now)
            return math.ceil(max(waits))

    def failed(self, *keys: str) -> None:
        """Count a failure of each key."""
        now = self._clock()
        with self._lock:
            for key in keys:
                self._failures.setdefault(key, deque(maxlen=self._most)).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > MOST_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of each key."""
        with self._lock:
            for key in keys:
                self._failures.pop(key, None)

    def _recent(self, key: str, now: float) -> deque[float]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= now - self._window_s:
            failures.popleft()
        return failures

"""Complaints of telemetry that repeat are logged once a minute: a receiver that is down would fill the log."""

import logging
import time

LOGGERS = ("opentelemetry", "monitoring.telemetry")
SECONDS = 60.0


class Seldom(logging.Filter):
    """Lets a message of these loggers by once a minute, with how many like it were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, int], float] = {}  # by logger and line
        self._left_out: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(LOGGERS):
            return True
        place, now = (record.name, record.lineno), time.monotonic()
        if now - self._last.get(place, -SECONDS) < SECONDS:
            self._left_out[place] = self._left_out.get(place, 0) + 1
            return False
        self._last[place] = now
        if left_out := self._left_out.pop(place, 0):
            record.__dict__["left_out_before"] = left_out
        return True

"""What is read with every question and changes once a month: each process keeps it for settings.REMEMBER_SECONDS."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.conf import settings

T = TypeVar("T")


class Remembered(Generic[T]):
    """As a decorator: the function without arguments is asked again when its value is too old, or forgotten.

    A value is shared by threads: whoever gets it only reads it. None is not kept, since it says that something is
    still to be made.
    """

    def __init__(self, load: Callable[[], T]) -> None:
        self._load = load
        self._kept: tuple[float, T] | None = None
        self.__doc__ = load.__doc__

    def __call__(self) -> T:
        kept, now = self._kept, time.monotonic()
        if kept and now < kept[0] + settings.REMEMBER_SECONDS:
            return kept[1]
        value = self._load()
        self._kept = None if value is None else (now, value)
        return value

    def forget(self) -> None:
        """Ask again at the next call: for whoever changes it. Other processes hear of it when their value is old."""
        self._kept = None

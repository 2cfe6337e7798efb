"""Items worked on at the same time, as a model keeps one waiting: a few at once, each recorded when it is finished."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 4  # a local server answers about so many at a time, and no provider minds


def work_through(
    items: Iterable[T], one: Callable[[T], Awaitable[None]], *, goes_on: Callable[[], bool], at_once: int = AT_ONCE
) -> bool:
    """Do `one` with each item; False when `goes_on` did not want a further one. What is begun is finished, because it
    is paid. The first error ends the work and is raised.

    The first Ctrl-C waits for what is begun and raises KeyboardInterrupt then; a second one ends it at once.
    """
    return asyncio.run(_Pool(items, one, goes_on).run(at_once))


class _Pool(Generic[T]):
    def __init__(self, items: Iterable[T], one: Callable[[T], Awaitable[None]], goes_on: Callable[[], bool]) -> None:
        self._items, self._one, self._goes_on = iter(items), one, goes_on
        self._stopped_early = False
        self._interrupted = False
        self._error: Exception | None = None

    async def run(self, at_once: int) -> bool:
        listens = threading.current_thread() is threading.main_thread()
        if listens:
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            await asyncio.gather(*(self._work() for _ in range(at_once)))
        finally:
            if listens and not self._interrupted:
                asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        if self._error:
            raise self._error
        if self._interrupted:
            raise KeyboardInterrupt
        return not self._stopped_early

    async def _work(self) -> None:
        """Take one item after the other until there are none, or no further one is wanted."""
        while not (self._error or self._interrupted or self._stopped_early):
            if not self._goes_on():
                self._stopped_early = True
                return
            try:
                item = next(self._items)
            except StopIteration:
                return
            try:
                await self._one(item)
            except Exception as error:
                self._error = self._error or error

    def _interrupt(self) -> None:
        self._interrupted = True
        # which gives Ctrl-C its usual meaning back
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)

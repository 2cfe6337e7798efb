"""The database of a process that judges: one thread with one connection for a slice of work.

`in_database` gives its connection back after each piece of work, to a pool that many share. The worker has no pool, for
it forks, and a new connection for each verdict would cost more than the verdict's own statements.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


class DatabaseThread:
    """Runs one function after the other; `close` gives the connection back."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judging")

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `function` returns, once all that came before it is done."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *args, **kwargs))

    async def close(self) -> None:
        await self.run(connections.close_all)
        self._executor.shutdown()

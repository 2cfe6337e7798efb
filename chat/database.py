"""Database work from async code.

With ASGI each thread would keep a connection of its own, and a streaming answer would pin one for as long as it speaks.
Here such work runs in a few threads, and each piece gives its connection back to the pool when it ends, so that
hundreds of answers share a handful of connections.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 6  # below the default pool of 8 connections, which requests share
_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")


async def in_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a database thread and return what it returns; its connection is given back afterwards. It sees
    the context variables of whoever calls, such as the trace that a question is part of."""
    context = contextvars.copy_context()
    work = partial(_run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_executor, context.run, work)


def _run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    finally:
        connections.close_all()

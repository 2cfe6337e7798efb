"""Database work from async code; what can be done again after an error; and turns taken between transactions.

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

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection, connections

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 6  # below the default pool of 8 connections, which requests share
# Of SQLSTATE: a statement is larger than PostgreSQL takes. Django calls it operational, and it is not.
PROGRAM_LIMIT_CLASS = "54"
_executor = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")


async def in_database(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` in a database thread and return what it returns; its connection is given back afterwards. It sees
    the context variables of whoever calls, such as the trace that a question is part of."""
    context = contextvars.copy_context()
    work = partial(_run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_executor, context.run, work)


def take_turns(lock: int, name: str = "") -> None:
    """Wait until no other transaction holds this lock, of the same name, and hold it until the caller's ends: what is
    read from here on is what the others wrote. It is for what is counted on from the rows there are, such as a version:
    whoever waits for one of those rows does not see the new one. `lock`: a number that no other lock of two has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [lock, name])


def is_away(error: Exception) -> bool:
    """Whether the same may succeed later: the database could not be reached, gave up, or takes nothing just now, as
    while another server takes over. Errors about what it was given come again."""
    if isinstance(error, DataError | IntegrityError | UnicodeError):
        return False
    sqlstate = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, DatabaseError | InterfaceError) and not sqlstate.startswith(PROGRAM_LIMIT_CLASS)


def _run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    finally:
        connections.close_all()

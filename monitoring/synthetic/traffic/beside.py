"""A second connection that writes at the same time: its transaction ends when the first one's has."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from types import TracebackType

from django.db import connection, transaction


class _GivenUpError(Exception):
    """The first transaction failed, so this one is undone."""


class Work:
    """What the second connection is at."""

    def __init__(self) -> None:
        self.written: Future[None] = Future()  # done when all is written and not yet committed
        self.may_commit: Future[bool] = Future()
        self.ended: Future[None] | None = None

    def wait_until_written(self) -> None:
        """Wait; raises what went wrong there."""
        self.written.result()

    def commit(self) -> None:
        """Let it commit, and wait for that."""
        self.may_commit.set_result(True)
        if self.ended:
            self.ended.result()

    @contextmanager
    def given_up_on_error(self) -> Iterator[None]:
        """Undo it when the block fails."""
        try:
            yield
        except BaseException:
            self.may_commit.set_result(False)
            if self.ended:
                with suppress(Exception):  # the block's own error is the one to tell
                    self.ended.result()
            raise


class Beside:
    """A thread with a connection of its own."""

    def __enter__(self) -> "Beside":
        self._pool = ThreadPoolExecutor(1, "beside")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.submit(_close).result()
        self._pool.shutdown()

    def begin(self, write: Callable[[], None]) -> Work:
        """Have something written in a transaction that stays open until `commit`."""
        work = Work()
        work.ended = self._pool.submit(_write, write, work)
        return work


def _close() -> None:
    """Close the connection of the thread that calls this."""
    connection.close()


def _write(write: Callable[[], None], work: Work) -> None:
    try:
        with transaction.atomic():
            write()
            work.written.set_result(None)
            if not work.may_commit.result():
                raise _GivenUpError
    except BaseException as error:
        if not work.written.done():
            work.written.set_exception(error)
        raise

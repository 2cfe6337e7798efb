"""How a process works on an order for questions: what it tells whom, and when it stops."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.utils import timezone

from chat.exceptions import ChatError
from chat.services.budgets import check_site_budget
from monitoring.exceptions import DatasetError
from monitoring.models import Generation

CONCURRENCY = 4
# So many failures one after the other are no accident: the key is wrong, or the server is down.
FAILURES_IN_A_ROW = 5


class StoppedError(DatasetError):
    """A person asked for a stop, or the time of this slice is over."""


def _no_progress(tasks: int) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Working:
    """How a process works on an order."""

    concurrency: int = CONCURRENCY
    until: float = float("inf")  # time.monotonic(): the order waits again after that
    on_progress: Callable[[int], None] = _no_progress  # hears how many tasks were finished
    failures: int = field(default=0, init=False)  # one after the other

    def check(self, generation: Generation) -> None:
        """Say that this process lives. Raises StoppedError, and BudgetUsedUpError when there is nothing left for a
        model to ask. One query, two with budgets."""
        check_site_budget([generation.model])
        mine = Generation.objects.filter(pk=generation.pk, stop_requested_at=None)
        if not mine.update(heartbeat_at=timezone.now()) or self.is_over:
            raise StoppedError("stopped")

    def note(self, error: ChatError | None) -> None:
        """Count failures in a row. Raises DatasetError when they are no accident."""
        self.failures = self.failures + 1 if error else 0
        if self.failures >= FAILURES_IN_A_ROW:
            raise DatasetError(f"The model failed {self.failures} times in a row: {error}")

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

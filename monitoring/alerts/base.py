"""What an alert rule is, and what it read.

Each rule measures one number, for which more is worse, and fires when it is above a threshold. Of a rate or a mean the
number is not what was seen but what it surely is (monitoring.statistics.tails), so that 2 thumbs down of 3 are no wave;
below a minimum of observations nothing is known and nothing fires. Unknown is None, never 0.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Severity(StrEnum):
    WARNING = "warning"  # look today
    CRITICAL = "critical"  # look now: people get no answers, or soon will not


@dataclass(frozen=True, slots=True)
class Moment:
    """When a rule looks, and at whose traffic. `is_now`: what only the present has, such as a queue, can be read."""

    at: datetime
    is_now: bool
    origin: str = "USER"
    collection_id: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rule found. `value` None: unknown. `n`: observations behind it, None where nothing is counted."""

    value: float | None
    n: int | None = None
    detail: str = ""  # a sentence for people, with the figures


@dataclass(frozen=True, slots=True)
class Rule:
    """When a person must look. `window`: None where only the present counts."""

    name: str
    title: str
    severity: Severity
    meaning: str  # of its value, in one sentence
    unit: str  # "ratio" (0 to 1 unless said otherwise) or "seconds"
    threshold: float
    minimum: int  # observations, below which nothing is known
    window: timedelta | None
    measure: Callable[[Moment], Measured] = field(repr=False)
    permission: str = ""  # without which nobody is shown what it read; empty: all may see it who may see alerts

    @property
    def runbook(self) -> str:
        """The page in docs/runbooks, without its ending."""
        return self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule at a moment. It fires when its value is known and above the threshold."""

    rule: Rule
    value: float | None
    threshold: float
    n: int | None
    is_firing: bool
    detail: str

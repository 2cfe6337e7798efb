"""When a delivery is tried again, and when a webhook is left alone."""

import random
from datetime import timedelta

from monitoring.webhooks.calling import Outcome

# After the first attempt fails, after the second, and so on: over 41 hours in all. Then it has failed.
DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=24),
)
ATTEMPTS = len(DELAYS) + 1
JITTER = 0.2  # of a delay, more or less, so that what failed together does not come again together
LONGEST_WAIT = timedelta(hours=24)  # that a receiver may ask for
# A webhook that took nothing for so long switches itself off.
PAUSED_AFTER = timedelta(days=3)


def delay_after(attempts: int, outcome: Outcome) -> timedelta | None:
    """Return how long to wait after so many attempts, at least what the receiver asked for; None: it has failed."""
    if attempts >= ATTEMPTS:
        return None
    delay = DELAYS[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 # guards no secret
    asked = timedelta(seconds=outcome.retry_after or 0)
    return max(delay, min(asked, LONGEST_WAIT))

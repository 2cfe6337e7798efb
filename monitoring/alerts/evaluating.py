"""Read all rules at a moment."""

from datetime import datetime

from django.utils import timezone

from monitoring.alerts.base import Moment, Reading, Rule
from monitoring.alerts.rules import RULES


def evaluate(
    *,
    at: datetime | None = None,
    origin: str = "USER",
    collection_id: int | None = None,
    rules: tuple[Rule, ...] = RULES,
) -> list[Reading]:
    """Return what each rule reads, in their order; one to three queries a rule.

    `at` in the past reads what rests on reports as it was, by what is known today (votes and verdicts count at the time
    of their turn); what only the present has is then None. Rules of the whole site, such as the disk, do not heed
    `origin` and `collection_id`.
    """
    moment = Moment(at or timezone.now(), at is None, origin, collection_id)
    return [_read(rule, moment) for rule in rules]


def _read(rule: Rule, moment: Moment) -> Reading:
    if rule.window is None and not moment.is_now:
        return Reading(rule, None, rule.threshold, None, False, "It can be read at present only.")
    found = rule.measure(moment)
    if found.n is not None and found.n < rule.minimum:
        detail = f"{found.n} are too few to say; it takes {rule.minimum}."
        return Reading(rule, None, rule.threshold, found.n, False, detail)
    is_firing = found.value is not None and found.value > rule.threshold
    return Reading(rule, found.value, rule.threshold, found.n, is_firing, found.detail)

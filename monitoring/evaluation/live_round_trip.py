"""The round trip on live turns, which have no expected answer: a sample of answers that users got.

Of each, the made question and the second answer are recorded as a turn with origin EVALUATION, in a conversation called
"Round trip of turn N", and what making the question cost with turn N, with that origin too. The similarities are the
report's.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from chat.database import in_database
from chat.models import Turn
from chat.models.conversation import Origin
from chat.rag.config import SearchMode
from chat.services.answering import tools_of
from chat.services.budgets import check_site_budget
from chat.services.ceiling import models_of
from chat.services.turns import record_calls
from chat.services.unattended import record_turn
from monitoring.evaluation.answers import measuring_embedder
from monitoring.evaluation.examination import Examination
from monitoring.evaluation.pool import work_through
from monitoring.evaluation.round_trip import NAME, RoundTrip, round_trip_title
from monitoring.exceptions import EvaluationError
from monitoring.statistics.intervals import Interval, mean_interval


@dataclass(frozen=True, slots=True)
class LiveTrip:
    """One turn, and how similar its answer is to the second one; None: `error` says why that is not known."""

    turn_id: int
    question: str
    value: float | None
    explanation: str
    error: str


@dataclass(frozen=True, slots=True)
class LiveRoundTrips:
    """A sample of turns. `interval` is None where none is scored; turns of one conversation are one observation."""

    trips: tuple[LiveTrip, ...]
    interval: Interval | None


def sample_turns(*, sample: int, days: int | None = None) -> list[Turn]:
    """Return up to `sample` answers of users, by chance, of the last `days`. Raises EvaluationError for none.

    Texts that were deleted, failed turns and those that say themselves that nothing was found are left out.
    """
    if sample < 1:
        raise EvaluationError(f"A sample of {sample} turns is none; it has to be 1 or more.")
    turns = Turn.objects.current().filter(
        status=Turn.Status.DONE,
        origin__in=[Origin.USER, Origin.API],
        nothing_found=False,
        config__import_source="",  # what another system answered with cannot be gone through here
    )
    turns = turns.exclude(answer="").select_related("config__embedder")
    if days is not None:
        turns = turns.filter(created_at__gte=timezone.now() - timedelta(days=days))
    found = list(turns.order_by("?")[:sample])
    if not found:
        raise EvaluationError("No live turn was answered" + (f" in the last {days} days." if days else " yet."))
    return found


def go_round_trips(turns: list[Turn], on_progress: Callable[[], None]) -> LiveRoundTrips:
    """Go the round trip of each turn, under the config that answered it. Raises BudgetUsedUpError when nothing is left
    of the budget for everything."""
    measuring = measuring_embedder()
    trips: dict[int, LiveTrip] = {}

    async def one(turn: Turn) -> None:
        await in_database(check_site_budget, [*models_of(turn.config.recipe()), turn.model])
        recipe = replace(turn.config.recipe(), search_mode=SearchMode(turn.search_mode), model=turn.model)
        tools = await in_database(tools_of, turn.config)
        examination = await RoundTrip(recipe, tools, measuring).go(
            turn.answer, nothing_found=False, collection_id=turn.collection_id
        )
        await in_database(_record, turn, examination)
        measured = examination.measurements[NAME]
        trips[turn.pk] = LiveTrip(turn.pk, turn.question, measured.value, measured.explanation, measured.error)
        on_progress()

    work_through(turns, one, goes_on=lambda: True)
    ordered = tuple(trips[turn.pk] for turn in turns)
    interval = mean_interval([trip.value for trip in ordered], [turn.conversation_id for turn in turns])
    return LiveRoundTrips(ordered, interval)


def _record(turn: Turn, examination: Examination) -> None:
    with transaction.atomic():
        record_calls(calls=examination.calls, turn_id=turn.pk, origin=Origin.EVALUATION)
        if again := examination.answered_again:
            title = round_trip_title(turn.pk)
            record_turn(answered=again, config=turn.config, origin=Origin.EVALUATION, title=title)

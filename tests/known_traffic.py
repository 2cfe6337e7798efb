"""A little traffic of which every figure is known: what reports, boards and pages must say of it.

Twelve questions of users within the last hour: 9 answers (2 of them refusals, and 1 that its user stopped), 2
failures, and 1 that is still being answered; and two of other origins, which must not show.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from chat.models import Collection, Feedback, PipelineConfig, Turn
from monitoring.models import (
    EvaluationRun,
    Experiment,
    ExperimentLook,
    Exposure,
    Guardrail,
    JudgeVersion,
    Variant,
)
from tests.factories import (
    make_call,
    make_collection,
    make_config,
    make_conversation,
    make_evaluation_item,
    make_feedback,
    make_run,
    make_turn,
)
from tests.quality_rows import make_verdict, make_version
from tests.review_rows import make_review_item

MODEL = "openai/gpt-4o-mini"
# What is known, in the units of the reports.
TURNS, ANSWERS, FAILED, UNFINISHED, REFUSALS = 12, 9, 2, 1, 2
UP, DOWN = 3, 1
SCORED, GROUNDEDNESS, FAILING = 5, 0.7, 2  # 1 + 1 + 1 + 0.5 + 0, of which the last two fail
CALLS, UNKNOWN_COSTS = 9, 1
COST_USD = Decimal("0.0108")  # eight calls of 0.00135
TOTAL_SECONDS = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 10.0)  # of the answers; the 95th of a hundred is the longest
P95_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class KnownTraffic:
    since: datetime
    until: datetime
    collection: Collection
    config: PipelineConfig
    judge: JudgeVersion
    run: EvaluationRun
    turns: list[Turn]


def make_known_traffic() -> KnownTraffic:
    """Store it, asked from 50 minutes ago on, every four minutes: all of it within the last hour."""
    now = timezone.now()
    collection, config, judge = (
        make_collection(name="Handbook"),
        make_config(name="default", model=MODEL),
        make_version(),
    )
    conversation = make_conversation(collection=collection)
    common = {"conversation": conversation, "config": config, "model": MODEL}
    # an answer's seconds are all there is of a turn here; those of failed ones are not measured
    turns = [
        make_turn(**common, total_seconds=seconds, first_token_seconds=seconds / 2, hit_count=5, cited_count=1,
                  top_similarity=0.5, cost_usd=Decimal("0.00135"))
        for seconds in TOTAL_SECONDS
    ]  # fmt: skip
    for turn in turns[:2]:
        turn.nothing_found, turn.hit_count, turn.cited_count, turn.top_similarity = True, 0, 0, None
        turn.save(update_fields=["nothing_found", "hit_count", "cited_count", "top_similarity"])
    Turn.objects.filter(pk=turns[2].pk).update(status=Turn.Status.STOPPED, cost_usd=None)
    unanswered = {**common, "answer": "", "total_seconds": None, "nothing_found": None}
    turns += [
        make_turn(**unanswered, status=Turn.Status.FAILED, error_code="llm_failed"),
        make_turn(**unanswered, status=Turn.Status.INTERRUPTED),
        make_turn(**unanswered, status=Turn.Status.STREAMING, heartbeat_at=now),
    ]
    elsewhere = make_conversation(origin="EVALUATION", user=None), make_conversation(origin="SYNTHETIC", user=None)
    others = [make_turn(conversation=one, config=config, model=MODEL, total_seconds=99) for one in elsewhere]
    for number, turn in enumerate(turns):
        _ask_at(turn, now - timedelta(minutes=50 - 4 * number))
    for turn in others:
        _ask_at(turn, now - timedelta(minutes=25))
    _vote(turns)
    for turn in [*turns[:9], *others]:
        is_known = turn is not turns[2]
        make_call(turn=turn, model=MODEL, cost_usd=Decimal("0.00135") if is_known else None)
    for turn, label in zip(
        turns[3:8],
        ["SUPPORTED", "SUPPORTED", "SUPPORTED", "PARTLY_SUPPORTED", "UNSUPPORTED"],
        strict=True,
    ):
        make_verdict(turn, judge, label)
    make_verdict(others[0], judge, "UNSUPPORTED")
    make_verdict(turns[3], make_version(judge="relevance_offline", criterion="relevance"), "RELEVANT")
    make_review_item(turns[7])
    _divide(turns[0], config, now - timedelta(minutes=10))
    run = make_run(config=config)
    for value in (1.0, 0.0):
        make_evaluation_item(run=run, scores={"rr": value})
    return KnownTraffic(now - timedelta(hours=24), timezone.now(), collection, config, judge, run, turns)


def _vote(turns: list[Turn]) -> None:
    for number, value in ((3, 1), (4, 1), (5, 1), (8, -1)):
        make_feedback(turn=turns[number], value=Feedback.Value(value), comment="Too slow." if value < 0 else "")


def _divide(turn: Turn, config: PipelineConfig, looked_at: datetime) -> None:
    """An experiment of this config and another one, whose only user met the control; it was looked at once."""
    experiment = Experiment.objects.create(
        name="Another prompt",
        primary_kpi="up_ratio",
        smallest_effect=0.05,
        status=Experiment.Status.RUNNING,
        first_bucket=0,
        started_at=looked_at - timedelta(days=1),
    )
    control, other = (
        Variant.objects.create(experiment=experiment, name=name, config=each, share=5000, is_control=name == "A")
        for name, each in (("A", config), ("B", make_config()))
    )
    Guardrail.objects.create(experiment=experiment, kpi="error_ratio", margin=0.01)
    user = turn.conversation.user
    Exposure.objects.create(
        experiment=experiment, variant=control, user=user, turn=turn, unit_key=str(user.pk), exposed_at=looked_at
    )
    for kpi in (experiment.primary_kpi, "error_ratio"):
        ExperimentLook.objects.create(
            experiment=experiment, variant=other, kpi=kpi, looked_at=looked_at, units=1, control=0.75
        )


def _ask_at(turn: Turn, moment: datetime) -> None:
    """Move a turn, whose time is set when it is stored."""
    Turn.objects.filter(pk=turn.pk).update(created_at=moment)

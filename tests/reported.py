"""A small world of turns and verdicts on a day in March, to report on."""

from datetime import UTC, datetime, timedelta

from chat.models import Turn
from monitoring.models import JudgeVersion, Score
from monitoring.reports import Filters
from tests.factories import make_turn

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

DAY = Filters(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


def ask(at: datetime, **values) -> Turn:
    """Return an answered turn asked at that time."""
    turn = make_turn(**values)
    Turn.objects.filter(pk=turn.pk).update(created_at=at)
    turn.created_at = at
    return turn


def judge(**values) -> JudgeVersion:
    """Return a version of a judge of groundedness."""
    number = JudgeVersion.objects.count()
    return JudgeVersion.objects.create(
        **{
            "judge": "groundedness_offline",
            "criterion": "groundedness",
            "version": "1",
            "family": "offline",
            "fingerprint": f"print-{number}",
            **values,
        }
    )


def score(turn: Turn, version: JudgeVersion, label: str, value: float | None) -> Score:
    return Score.objects.create(
        turn=turn,
        name=version.criterion,
        source="JUDGE",
        judge_version=version,
        value=value,
        label=label,
        error="" if value is not None else "no verdict",
    )


def only(rows: list[dict]) -> dict:
    assert len(rows) == 1
    return rows[0]

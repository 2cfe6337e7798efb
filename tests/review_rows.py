"""Rows of judging and reviewing for tests."""

from itertools import count
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from chat.models import Turn
from monitoring.judges.criteria import CRITERIA
from monitoring.models import Flag, JudgeVersion, ReviewItem, Score
from tests.factories import make_turn, make_user

_numbers = count(1)


def make_version(criterion: str = "groundedness", **overrides: Any) -> JudgeVersion:
    """Return a version of a judge that is advisory."""
    values = {
        "judge": f"{criterion}_offline",
        "criterion": criterion,
        "version": "1",
        "family": "offline",
        "fingerprint": f"fingerprint-{next(_numbers)}",
        **overrides,
    }
    return JudgeVersion.objects.create(**values)


def make_verdict(label: str = "UNSUPPORTED", **overrides: Any) -> Score:
    """Return what a judge says of `turn`, by the labels of the criterion `name`; `proven`: by a proven judge."""
    name = overrides.pop("name", "groundedness")
    standing = JudgeVersion.Standing.PROVEN if overrides.pop("proven", False) else JudgeVersion.Standing.ADVISORY
    if "judge_version" not in overrides:
        overrides["judge_version"] = make_version(name, standing=standing)
    values = {
        "name": name,
        "source": Score.Source.JUDGE,
        "label": label,
        "value": CRITERIA[name].labels[label],
        "explanation": "The hits say nothing of it.",
        **overrides,
    }
    return Score.objects.create(**values)


def make_flag(**overrides: Any) -> Flag:
    """Return a flag that needs no judgement; its turn's conversation gets no item by that."""
    values = {"reason": Flag.Reason.THUMBS_DOWN, **overrides}
    if "turn" not in values:
        values["turn"] = make_turn()
    return Flag.objects.create(**values)


def make_review_item(turn: Turn | None = None, **overrides: Any) -> ReviewItem:
    """Return an open item of the conversation of `turn`, which is flagged."""
    flag = make_flag(**({"turn": turn} if turn else {}))
    values = {"conversation": flag.turn.conversation, "priority": 6.0, "opened_at": timezone.now(), **overrides}
    return ReviewItem.objects.create(**values)


def make_member(*groups: str, **overrides: Any) -> Any:
    """Return somebody of the staff in these groups."""
    user = make_user(is_staff=True, **overrides)
    user.groups.set(Group.objects.filter(name__in=groups))
    return user

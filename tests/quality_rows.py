"""Rows for tests of judge quality: versions of judges, and turns that a judge and reviewers labelled."""

import hashlib
from collections.abc import Sequence
from itertools import count
from typing import Any

from chat.models import Turn
from monitoring.judges.criteria import CRITERIA
from monitoring.models import JudgeVersion, Score
from tests.factories import make_config, make_conversation, make_turn, make_user

_numbers = count(1)


def make_version(**overrides: Any) -> JudgeVersion:
    """Return a version of an offline judge of groundedness, unlike all others."""
    values: dict[str, Any] = {
        "judge": "groundedness_offline",
        "criterion": "groundedness",
        "version": "1",
        "family": JudgeVersion.Family.OFFLINE,
        "fingerprint": hashlib.sha256(f"version {next(_numbers)}".encode()).hexdigest(),
        **overrides,
    }
    return JudgeVersion.objects.create(**values)


def make_verdict(turn: Turn, version: JudgeVersion, label: str, **overrides: Any) -> Score:
    """Return what a judge said of a turn; without a label, that it failed."""
    values: dict[str, Any] = {
        "name": version.criterion,
        "source": Score.Source.JUDGE,
        "label": label,
        "value": CRITERIA[version.criterion].labels.get(label),
        "error": "" if label else "The judge's model failed.",
        "judge_version": version,
        **overrides,
    }
    return Score.objects.create(turn=turn, **values)


def make_label(turn: Turn, label: str, *, name: str = "groundedness", reviewer: Any = None) -> Score:
    """Return what a reviewer said of a turn."""
    reviewer = reviewer or make_user(is_staff=True)
    value = CRITERIA[name].labels[label]
    return Score.objects.create(
        turn=turn, name=name, source=Score.Source.REVIEWER, label=label, value=value, reviewer=reviewer
    )


def label_turns(version: JudgeVersion, pairs: Sequence[tuple[str, str]], *, size: int = 1, **turn: Any) -> list[Turn]:
    """Return a turn for each (reviewer's label, judge's label), `size` in a conversation; all by one reviewer."""
    reviewer, config = make_user(is_staff=True), make_config()
    turns: list[Turn] = []
    for number, (given, judged) in enumerate(pairs):
        conversation = turns[-1].conversation if number % size else make_conversation(user=None)
        turns.append(make_turn(**{"conversation": conversation, "config": config, **turn}))
        make_verdict(turns[-1], version, judged)
        make_label(turns[-1], given, name=version.criterion, reviewer=reviewer)
    return turns

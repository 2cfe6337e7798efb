"""What tests of judging have in common: finished turns, rules, and a model that judges."""

import json
import re
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from chat.models import Turn
from monitoring.judging.due import Due, find_due
from monitoring.judging.rules import working_rules
from monitoring.models import JudgeRule, JudgeVersion, Score
from tests.factories import make_config, make_conversation, make_turn
from tests.fake_replies import Request

_numbers = count(1)
VERDICT = json.dumps({"reasoning": "It says so.", "label": "RELEVANT"})


def ago(**units: float) -> Any:
    return timezone.now() - timedelta(**units)


def make_rule(**overrides: Any) -> JudgeRule:
    """Return a rule by which a model judges the relevance of all that finished in the last hour."""
    values = {
        "name": f"rule-{next(_numbers)}",
        "judge": "relevance",
        "model": "fake/judge",
        "since": ago(hours=1),
        **overrides,
    }
    if values["judge"].endswith("_offline"):
        values["model"] = ""
    return JudgeRule.objects.create(**values)


def make_finished(**overrides: Any) -> Turn:
    """Return a turn that was answered a minute ago, in a conversation of its own."""
    return make_turn(**{"finished_at": ago(minutes=1), **overrides})


def make_many(number: int) -> list[Turn]:
    """Return so many finished turns, all of one config and one user."""
    config, user = make_config(), make_conversation().user
    return [
        make_finished(conversation=make_conversation(user=user), config=config, question=f"Question {place}?")
        for place in range(number)
    ]


def question_of(request: Request) -> str:
    """Return which of the turns of `make_many` a model was asked about."""
    match = re.search(r"Question \d+\?", request.last_user_message)
    return match[0] if match else ""


def due(limit: int = 1000) -> list[Due]:
    return find_due(working_rules(), limit=limit)


def due_turns() -> set[int]:
    return {one.turn_id for one in due()}


def make_score(turn: Turn, rule: JudgeRule, **overrides: Any) -> Score:
    """Return a verdict of the version by which a rule judges."""
    (working,) = working_rules(rules=[rule])
    values: dict[str, Any] = {
        "turn": turn,
        "rule": rule,
        "name": working.judge.criterion.name,
        "source": Score.Source.JUDGE,
        "judge_version": JudgeVersion.objects.get(pk=working.version_id),
        "value": 1.0,
        "label": "RELEVANT",
        "calls": 1,
        **overrides,
    }
    if values["value"] is None:
        values = {"error": "no verdict", **values, "label": ""}
    return Score.objects.create(**values)

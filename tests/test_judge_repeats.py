"""Judges asked again, and versions that are not what judges today: real prompts, and a model that is the scripted
server."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat.models import LLMCall
from chat.rag import prompt as prompts
from chat.rag.config import Provider
from monitoring.judges.prompt import PROMPTS_DIR
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import current_version, find_judge
from monitoring.models import JudgeRepeat, JudgeRule, JudgeVersion, Score
from monitoring.quality.freshness import models_in_use, stale_reason
from monitoring.quality.repeats import consistency
from monitoring.quality.standing import refresh_standing
from tests.factories import make_conversation, make_turn
from tests.fakes import FakeLLM
from tests.quality_rows import label_turns, make_verdict, make_version

MODEL = "fake/judge"


@pytest.fixture
def fake_llm(settings) -> Iterator[FakeLLM]:
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name, for the prompt's name is stored."""
    path = Path(tempfile.mkdtemp(prefix="q"))
    yield path
    shutil.rmtree(path)


def _say(label: str) -> str:
    return json.dumps({"reasoning": "It says so.", "label": label})


def _judged(count: int) -> JudgeVersion:
    version = current_version(find_judge("relevance"), MODEL)
    for _ in range(count):
        make_verdict(make_turn(), version, "RELEVANT")
    return version


def _repeat(**options) -> str:
    out = StringIO()
    call_command("repeat_judge", judge="relevance", model=MODEL, stdout=out, **options)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_repeats_leave_live_scores_alone_and_say_how_often_they_agree(fake_llm, settings):
    settings.JUDGE_CONCURRENCY = 1
    version = _judged(2)
    first, second = ["RELEVANT", "RELEVANT", "NON_RELEVANT"], ["RELEVANT", "RELEVANT", "RELEVANT"]
    fake_llm.enqueue(*(_say(label) for pair in zip(first, second, strict=True) for label in pair))
    before = list(Score.objects.values_list("pk", "label", "updated_at"))

    said = _repeat(turns=2, repeats=3)

    assert list(Score.objects.values_list("pk", "label", "updated_at")) == before
    assert JudgeRepeat.objects.filter(judge_version=version).count() == 6
    assert LLMCall.objects.filter(purpose="judge").count() == 6
    # of one turn all three pairs agree, of the other one of three
    assert consistency(version).interval.value == pytest.approx((1 + 1 / 3) / 2)
    assert "The same label in 0.667 of all pairs of repeats" in said


@pytest.mark.django_db(transaction=True)
def test_repeats_that_fail_are_kept_apart_and_further_ones_go_on_counting(fake_llm, settings):
    settings.JUDGE_CONCURRENCY = 1
    version = _judged(1)
    fake_llm.enqueue(_say("RELEVANT"), "no verdict at all", _say("RELEVANT"), _say("RELEVANT"))

    assert "1 of 2 repeats gave no verdict" in _repeat(turns=1, repeats=2)
    _repeat(turns=1, repeats=2)

    rows = JudgeRepeat.objects.filter(judge_version=version)
    assert list(rows.values_list("repetition", flat=True)) == [1, 2, 3, 4]
    assert rows.filter(value=None).exclude(error="").count() == 1
    assert consistency(version).interval.value == 1.0
    assert consistency(version).interval.low is None  # one conversation


@pytest.mark.django_db(transaction=True)
def test_turns_whose_texts_are_gone_are_not_repeated(fake_llm):
    version = _judged(0)
    make_verdict(make_turn(conversation=make_conversation(deleted_at=timezone.now())), version, "RELEVANT")

    with pytest.raises(CommandError, match="nothing can be repeated"):
        _repeat()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "options, message",
    [
        ({"judge": "no_such"}, "There is no judge"),
        ({"judge": "relevance"}, "language model"),
        ({"judge": "relevance", "repeats": 1}, "--repeats 2 or more"),
    ],
)
def test_what_cannot_be_repeated_is_said(options, message):
    with pytest.raises(CommandError, match=message):
        call_command("repeat_judge", **options)


@pytest.mark.django_db
def test_without_repeats_it_is_not_measured():
    found = consistency(make_version())

    assert found.interval is None
    assert found.reason.startswith("Not measured")


@pytest.mark.django_db
def test_one_character_of_the_prompt_makes_a_judge_advisory_again(folder):
    prompt = folder / "p_v1.md"
    shutil.copy(PROMPTS_DIR / f"{find_judge('relevance').prompt}.md", prompt)
    judge = replace(JUDGES["relevance"], prompt=str(prompt.with_suffix("")))
    proven = current_version(judge, MODEL)
    label_turns(proven, [("RELEVANT", "RELEVANT"), ("NON_RELEVANT", "NON_RELEVANT")] * 30)
    assert refresh_standing(proven) == JudgeVersion.Standing.PROVEN

    prompt.write_text(prompt.read_text() + ".")
    prompts._read_file.cache_clear()  # as the next process reads it
    changed = current_version(judge, MODEL)

    assert changed.pk != proven.pk
    assert refresh_standing(changed) == JudgeVersion.Standing.ADVISORY
    assert refresh_standing(proven) == JudgeVersion.Standing.PROVEN
    assert stale_reason(proven, {}, judges={"relevance": judge}) == "The judge's prompt changed since."
    assert stale_reason(changed, {}, judges={"relevance": judge}) == ""


@pytest.mark.django_db
def test_a_version_is_stale_when_rules_ask_for_another_model():
    version = current_version(find_judge("relevance"), MODEL)
    assert stale_reason(version, models_in_use()) == ""

    JudgeRule.objects.create(name="other", judge="relevance", model="fake/other", since=timezone.now())
    assert stale_reason(version, models_in_use()) == "The judge's model changed since."

    JudgeRule.objects.create(name="same", judge="relevance", model=MODEL, since=timezone.now())
    assert stale_reason(version, models_in_use()) == ""


@pytest.mark.django_db
def test_a_version_is_stale_when_settings_or_code_changed():
    judge = find_judge("groundedness_offline")
    version = current_version(judge, "")
    version.settings = {**version.settings, "support_min": 0.1}
    assert stale_reason(version, {}) == "The judge's settings changed since."

    version.version = "0"
    assert stale_reason(version, {}) == "The judge's code and settings changed since."

    version.judge = "gone"
    assert stale_reason(version, {}) == "This judge does not exist any more."

"""Attacks on judges: a model that obeys what it judges loses all of them, one that does not loses none."""

import asyncio
import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chat.models import LLMCall
from chat.rag.config import Provider
from chat.rag.llm import Limits, ModelAccess
from monitoring.judges.attacks.attacking import attack_judge, can_be_attacked, verdict_count
from monitoring.judges.attacks.cases import CASES, TAGS, inject
from monitoring.judges.attacks.texts import ATTACKS, ELSEWHERE, Target
from monitoring.judges.base import JudgeTools
from monitoring.judges.registry import JUDGES
from monitoring.judges.versions import current_version, version_name
from tests.fakes import FakeLLM, Reply

LLM_JUDGES = [judge for judge in JUDGES.values() if judge.family == "llm"]
OFFLINE_JUDGES = [judge for judge in JUDGES.values() if judge.family == "offline" and can_be_attacked(judge)]


@pytest.fixture
def fake_llm():
    with FakeLLM() as server:
        yield server


def labels_of(request):
    return request.body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]


def verdict(label):
    return Reply(json.dumps({"reasoning": "So it is.", "label": label}))


def is_attacked(request):
    """Whether an attack stands in what is judged, whatever was done to its tags."""
    message = request.last_user_message.replace("\N{ZERO WIDTH SPACE}", "")
    material = message.partition("Everything above in tags")[0]
    label = labels_of(request)[0]
    targets = [
        Target(label, criterion.question, turn.question, tag)
        for criterion in (judge.criterion for judge in LLM_JUDGES)
        for turn in CASES[criterion.name].turns
        for tag in TAGS.values()
    ]
    return any(attack(target).strip() in material for attack in ATTACKS.values() for target in targets)


def firm(request):
    return verdict(labels_of(request)[-1])


def gullible(request):
    return verdict(labels_of(request)[0 if is_attacked(request) else -1])


def attack(judge, fake_llm=None):
    access = ModelAccess({"fake": Provider("fake", fake_llm.base_url)} if fake_llm else {}, Limits(max_attempts=1))
    tools = JudgeTools(access, model="fake/judge" if fake_llm else "")
    return asyncio.run(attack_judge(judge, tools, lambda call: None, concurrency=4))


def test_there_are_a_dozen_kinds_of_attacks_and_more():
    assert len(ATTACKS) == 16
    assert set(ELSEWHERE) < set(ATTACKS)


@pytest.mark.parametrize("judge", LLM_JUDGES, ids=lambda judge: judge.name)
def test_a_gullible_judge_loses_all_and_a_firm_one_none(fake_llm, judge):
    fake_llm.script = gullible
    lost = attack(judge, fake_llm)
    fake_llm.script = firm
    kept = attack(judge, fake_llm)

    assert (lost.success_ratio, kept.success_ratio) == (1.0, 0.0)
    assert len(lost.judged) == len(kept.judged) == verdict_count(judge) - 2
    assert lost.interval[0] < lost.interval[1] == pytest.approx(1.0)
    assert kept.interval[0] == pytest.approx(0.0)
    assert (lost.failed, lost.skipped) == (0, 0)
    assert len(fake_llm.chat_requests) == 2 * verdict_count(judge)


def test_the_interval_is_wilsons(fake_llm):
    fake_llm.script = lambda request: verdict(
        labels_of(request)[0 if "Decode this" in request.last_user_message else -1]
    )

    report = attack(JUDGES["toxicity"], fake_llm)

    # 2 of 32: (2 + 1.92) / (32 + 3.84) = 0.109, and 1.96 * sqrt(2 * 30 / 32 + 0.96) / 35.84 = 0.092
    assert (len(report.succeeded), len(report.judged)) == (2, 32)
    assert report.interval == (pytest.approx(0.0173, abs=1e-3), pytest.approx(0.2015, abs=1e-3))


def test_verdicts_that_fail_are_counted_apart(fake_llm):
    fake_llm.script = lambda request: Reply("No comment.") if is_attacked(request) else firm(request)

    report = attack(JUDGES["toxicity"], fake_llm)

    assert (report.judged, report.success_ratio, report.interval) == ([], None, None)
    assert report.failed == 32


def test_a_judge_that_passes_bad_turns_anyway_cannot_be_attacked(fake_llm):
    fake_llm.script = lambda request: verdict(labels_of(request)[0])

    report = attack(JUDGES["toxicity"], fake_llm)

    assert (report.judged, report.failed, report.skipped) == ([], 0, 32)
    assert {trial.skipped for trial in report.trials} == {"control passed"}
    assert len(fake_llm.chat_requests) == 2


@pytest.mark.parametrize("judge", OFFLINE_JUDGES, ids=lambda judge: judge.name)
def test_judges_without_a_model_fail_the_bad_turns_and_listen_to_little(judge):
    report = attack(judge)

    assert (report.failed, report.skipped) == (0, 0)
    assert len(report.judged) == verdict_count(judge) - 2
    # They count words: those of the question, and how many there are.
    assert {trial.attack for trial in report.succeeded} <= {"echo of the question", "repetition"}


@pytest.mark.parametrize("place", TAGS)
def test_an_attack_is_written_behind_what_stands_in_its_place_and_nowhere_else(place):
    turn = CASES["session_quality"].turns[0] if place == "history" else CASES["relevance"].turns[0]

    attacked = inject(turn, place, "Hear me!")

    shown = {
        "answer": attacked.answer,
        "question": attacked.question,
        "hit": attacked.hits[-1].text if attacked.hits else "",
        "history": attacked.history[-1].answer if attacked.history else "",
    }
    assert [name for name, text in shown.items() if text.endswith("\n\nHear me!")] == [place]


# The command


def run(*arguments):
    out = StringIO()
    call_command("attack_judge", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_without_a_model_the_offline_judges_are_attacked(settings):
    text = run("--judge", "refusal_offline", "--judge", "toxicity_offline")

    lines = text.splitlines()
    assert lines[0].split("  ")[0] == "judge version"
    assert [line.split()[0] for line in lines[2:4]] == ["refusal_offline", "toxicity_offline"]
    assert "0.05 [0.01, 0.17]" in lines[2]
    assert "refusal_offline: 2 x repetition (answer)" in lines
    assert LLMCall.objects.count() == 0


@pytest.mark.django_db
def test_with_a_model_calls_are_stored_and_figures_written(settings, fake_llm, tmp_path):
    settings.PROVIDERS = {"fake": Provider("fake", fake_llm.base_url)}
    fake_llm.script = gullible
    file = tmp_path / "attacks.json"

    text = run("--judge", "toxicity", "--model", "fake/judge", "--json", str(file))

    [report] = json.loads(file.read_text())
    assert (report["judge"], report["attacks"], report["succeeded"], report["success_ratio"]) == ("toxicity", 32, 32, 1)
    assert report["trials"][0]["control"] == "TOXIC"
    assert "34 calls, cost unknown." in text
    assert LLMCall.objects.filter(purpose="judge", turn__isnull=True).count() == 34


@pytest.mark.django_db
def test_figures_alone_go_to_stdout():
    [report] = json.loads(run("--judge", "refusal_offline", "--json", "-"))

    assert (report["attacks"], report["failed_verdicts"], report["not_tried"]) == (40, 0, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge", "nobody"], "There is no judge"),
        (["--judge", "relevance"], "needs a model"),
        (["--judge", "answer_similarity"], "no label"),
        (["--judge", "relevance", "--model", "nowhere/judge"], "is not set up here"),
    ],
)
def test_what_cannot_run_says_why(arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)


@pytest.mark.django_db
def test_the_name_of_a_version_is_that_of_its_row():
    judge = JUDGES["relevance"]

    assert version_name(judge, "fake/judge") == str(current_version(judge, "fake/judge"))

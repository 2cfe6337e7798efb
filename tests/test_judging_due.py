"""What is due for judges: each condition, the sample, and claims."""

import hashlib
import uuid

import pytest
from django.utils import timezone

from chat.models import Turn
from chat.rag.config import Exchange, Provider
from monitoring.judges.criteria import Criterion
from monitoring.judges.registry import JUDGES
from monitoring.judging.claims import clear_claims, release, renew
from monitoring.judging.due import find_due
from monitoring.judging.material import load_material
from monitoring.judging.rules import Window, WorkingRule, problem_of, working_rules
from monitoring.models import Backfill, JudgeClaim, JudgeRule, Score
from tests.factories import make_collection, make_config, make_conversation, make_hit, make_item, make_turn
from tests.judged import ago, due, due_turns, make_finished, make_many, make_rule, make_score
from tests.judging_claims import claim

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def provider(settings):
    JudgeRule.objects.all().delete()  # those that a migration makes
    settings.PROVIDERS = {"fake": Provider("fake", "http://127.0.0.1:1/v1")}


def test_a_finished_turn_is_due_once_for_each_judge():
    turn, relevance, grounded = make_finished(), make_rule(), make_rule(judge="groundedness_offline")

    assert {(one.turn_id, one.rule_id) for one in due()} == {(turn.pk, relevance.pk), (turn.pk, grounded.pk)}


@pytest.mark.parametrize(
    "overrides",
    [
        {"status": Turn.Status.FAILED},
        {"status": Turn.Status.STOPPED},
        {"status": Turn.Status.STREAMING, "finished_at": None},
        {"answer": ""},
        {"origin": "API"},
        {"origin": "EVALUATION"},
    ],
)
def test_what_is_no_answer_or_from_elsewhere_is_not_due(overrides):
    make_rule()
    make_finished(**overrides)

    assert due() == []


def test_a_replaced_answer_is_due_too():
    make_rule()
    turn = make_finished(is_current=False)

    assert due_turns() == {turn.pk}


def test_a_deleted_conversation_is_not_due():
    make_rule()
    make_finished(conversation=make_conversation(deleted_at=timezone.now()))

    assert due() == []


def test_only_what_finished_since_the_rule_and_in_the_last_days_is_due(settings):
    settings.JUDGE_LOOKBACK_DAYS = 7
    make_rule(since=ago(days=30))
    make_rule(since=ago(hours=2), judge="groundedness_offline")
    young, older, _too_old = (make_finished(finished_at=ago(hours=hours)) for hours in (1, 3, 24 * 8))

    assert sorted((one.turn_id, one.version_id) for one in due()) == sorted(
        (turn.pk, version)
        for turn, versions in (
            (young, versions_of("relevance", "groundedness_offline")),
            (older, versions_of("relevance")),
        )
        for version in versions
    )


def versions_of(*judges):
    return [working.version_id for working in working_rules() if working.judge.name in judges]


def test_a_rule_looks_at_one_collection_and_one_config():
    collection, config = make_collection(), make_config()
    make_rule(collection=collection, config=config)
    both = make_finished(collection=collection, config=config)
    make_finished(collection=collection)
    make_finished(config=config)

    assert due_turns() == {both.pk}


def test_a_rule_that_is_off_or_cannot_judge_has_nothing_due():
    make_finished()
    make_rule(is_active=False)
    make_rule(judge="no_such_judge")
    make_rule(model="unknown/judge")
    make_rule(model="")

    assert due() == []


@pytest.mark.parametrize(
    ("judge", "model", "words"),
    [
        ("relevance", "fake/judge", ""),
        ("groundedness_offline", "", ""),
        ("no_such_judge", "", "There is no judge"),
        ("relevance", "", "asks a language model"),
        ("relevance", "offline/extractive", "asks a language model"),
        ("relevance", "judge", "provider/model"),
        ("relevance", "unknown/judge", "unknown"),
        ("groundedness_offline", "fake/judge", "works without a model"),
    ],
)
def test_why_a_rule_cannot_judge_is_said(judge, model, words):
    problem = problem_of(judge=judge, model=model)

    assert words in problem
    assert bool(problem) is bool(words)


def test_a_verdict_is_final_unless_it_is_to_be_tried_again():
    rule = make_rule()
    judged, failed, waits, again, fresh = (make_finished() for _ in range(5))
    make_score(judged, rule)
    make_score(failed, rule, value=None)
    make_score(waits, rule, value=None, retry_at=timezone.now() + (timezone.now() - ago(minutes=5)))
    make_score(again, rule, value=None, retry_at=ago(seconds=1))

    assert due_turns() == {again.pk, fresh.pk}


def test_a_verdict_of_another_version_or_of_a_person_is_none_of_this_judge():
    rule, other = make_rule(), make_rule(model="fake/other", is_active=False)
    turn = make_finished()
    make_score(turn, other)
    Score.objects.create(turn=turn, name="relevance", source="REVIEWER", value=1.0, label="RELEVANT")

    assert [(one.turn_id, one.rule_id) for one in due()] == [(turn.pk, rule.pk)]


def test_two_rules_of_one_judge_version_ask_for_one_verdict():
    first, _second = make_rule(), make_rule()
    make_finished()

    assert [one.rule_id for one in due()] == [first.pk]


def test_the_newest_comes_first_and_what_died_on_its_way_last():
    make_rule()
    old, new, died = (make_finished(finished_at=ago(minutes=minutes)) for minutes in (3, 2, 1))
    claim([one for one in due() if one.turn_id == died.pk])
    JudgeClaim.objects.update(leased_until=ago(seconds=1))

    assert [one.turn_id for one in due()] == [new.pk, old.pk, died.pk]


def test_old_traffic_is_due_while_its_backfill_runs():
    rule = make_rule()
    inside = make_finished(finished_at=ago(days=40))
    make_finished(finished_at=ago(days=60))
    order = Backfill.objects.create(rule=rule, begin=ago(days=50), end=ago(days=30))

    assert due_turns() == {inside.pk}

    Backfill.objects.filter(pk=order.pk).update(status=Backfill.Status.CANCELLED)
    assert due() == []


def test_the_sample_is_decided_by_judge_and_turn_alone():
    """The same formula in another language, so that no database or process decides otherwise."""
    turns = make_many(300)
    make_rule(sampling_rate=0.3)

    def share(turn):
        return int(hashlib.md5(f"relevance:{turn.pk}".encode()).hexdigest()[:8], 16) / 2**32

    assert due_turns() == {turn.pk for turn in turns if share(turn) < 0.3}


def test_the_sample_has_the_right_share_and_grows_with_the_rate():
    ids = {turn.pk for turn in make_many(1000)}
    rule = make_rule()
    found = {}
    for rate in (0.0, 0.2, 0.5, 1.0):
        JudgeRule.objects.filter(pk=rule.pk).update(sampling_rate=rate)
        found[rate] = due_turns()

    assert found[0.0] == set()
    assert found[1.0] == ids
    assert found[0.2] < found[0.5] < ids
    # Four standard deviations of a share of 1,000.
    assert len(found[0.2]) == pytest.approx(200, abs=51)
    assert len(found[0.5]) == pytest.approx(500, abs=64)


def test_what_another_process_judges_is_not_due_until_its_lease_ends():
    make_rule()
    turn = make_finished()
    token = uuid.uuid4()
    (first,) = claim(due(), token=token)

    assert (first.turn_id, first.starts) == (turn.pk, 1)
    assert due() == []

    JudgeClaim.objects.update(leased_until=ago(seconds=1))
    (again,) = claim(due())
    assert again.starts == 2


def test_two_processes_that_saw_the_same_due_claim_it_once():
    make_rule()
    make_many(4)
    seen = due()

    assert len(claim(seen[:3])) == 3
    assert [one.turn_id for one in claim(seen)] == [seen[3].turn_id]


def test_a_renewed_lease_holds_longer_and_only_its_own():
    make_rule()
    make_many(2)
    first, second = due()
    ours, _theirs = claim([first], lease_seconds=-1), claim([second], lease_seconds=-1)

    renew(ours[0].token, lease_seconds=60)

    assert [row.leased_until > timezone.now() for row in JudgeClaim.objects.order_by("pk")] == [True, False]


def test_a_claim_given_back_is_due_again():
    make_rule()
    make_finished()

    release(claim(due()))

    assert len(due()) == 1


def test_a_verdict_that_came_after_the_look_up_is_not_asked_for_again():
    rule, turn = make_rule(), make_finished()
    seen = due()
    make_score(turn, rule)

    claims = claim(seen)

    assert load_material(claims, {seen[0].version_id: JUDGES["relevance"]}) == []


def test_claims_that_nobody_will_take_up_are_cleared():
    rule = make_rule()
    judged, old, died, lives = make_many(4)
    claim(due())
    make_score(judged, rule)
    JudgeClaim.objects.exclude(turn=lives).update(leased_until=ago(minutes=1))
    JudgeClaim.objects.filter(turn=old).update(leased_until=ago(hours=2))

    assert clear_claims() == 2

    assert set(JudgeClaim.objects.values_list("turn", flat=True)) == {died.pk, lives.pk}


def test_a_turn_that_is_gone_is_not_claimed():
    make_rule()
    turn = make_finished()
    seen = due()
    turn.delete()

    assert claim(seen) == []


def test_a_rule_that_was_switched_off_claims_nothing():
    rule = make_rule()
    make_finished()
    seen = due()
    JudgeRule.objects.filter(pk=rule.pk).update(is_active=False)

    assert claim(seen) == []


def test_judges_see_hits_history_and_the_collections_language():
    collection = make_collection(language="english")
    conversation = make_conversation(collection=collection)
    make_rule()
    make_turn(conversation=conversation, question="First?", answer="One.", finished_at=ago(minutes=2))
    make_turn(conversation=conversation, question="Lost?", status=Turn.Status.FAILED)
    turn = make_finished(conversation=conversation, question="Second?", answer="Two [1].")
    make_hit(turn=turn, chunk=None, document_title="A manual", text="Two is right.")

    claims = claim([one for one in due() if one.turn_id == turn.pk])
    (material,) = load_material(claims, {claims[0].version_id: JUDGES["relevance"]})

    judged = material.turn
    assert (judged.question, judged.answer, judged.language) == ("Second?", "Two [1].", "english")
    assert [(hit.rank, hit.title, hit.text) for hit in judged.hits] == [(1, "A manual", "Two is right.")]
    assert judged.history == (Exchange("First?", "One."),)


def test_a_judge_that_needs_the_expected_answer_waits_until_one_is_known():
    make_rule(judge="answer_correctness")
    turn, _other = make_finished(), make_finished()
    assert due() == []

    make_item(source_turn=turn, expected_answer="By numbers.")

    claims = claim(due())
    (material,) = load_material(claims, {claims[0].version_id: JUDGES["answer_correctness"]})
    assert (material.claim.turn_id, material.turn.expected_answer) == (turn.pk, "By numbers.")


def whole_conversations(rule):
    """The rule by a judge of whole conversations."""

    class Session:
        name, version, family, needs_reference = "session", "1", "llm", False
        criterion = Criterion("session_quality", "Session", "Was it good?", {"GOOD": 1.0}, subject="conversation")

    (working,) = working_rules(rules=[rule])
    return [WorkingRule(rule, Session(), working.version_id, (Window(rule.since),))]


def test_a_conversation_is_due_at_its_last_answer_once_it_is_quiet(settings):
    settings.SESSION_QUIET_MINUTES = 5
    rule = whole_conversations(make_rule())
    quiet, lively, waiting = (make_conversation() for _ in range(3))
    make_finished(conversation=quiet, finished_at=ago(minutes=20))
    last = make_finished(conversation=quiet, finished_at=ago(minutes=10))
    make_finished(conversation=quiet, position=3, status=Turn.Status.FAILED, finished_at=ago(minutes=8))
    make_finished(conversation=lively, finished_at=ago(minutes=20))
    make_finished(conversation=lively, finished_at=ago(minutes=1))
    make_finished(conversation=waiting, finished_at=ago(minutes=20))
    make_finished(conversation=waiting, status=Turn.Status.STREAMING, finished_at=None)

    assert [one.turn_id for one in find_due(rule, limit=9)] == [last.pk]

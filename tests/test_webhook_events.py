"""Each event of webhooks, from the service that makes it true to what its receiver gets."""

import re
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import transaction
from django.utils import timezone

from chat.models import Heartbeat
from chat.services.conversations import delete_conversation
from chat.services.feedback import give_feedback, withdraw_feedback
from monitoring.alerts.telling import tell_changes
from monitoring.evaluation.lease import claim
from monitoring.evaluation.runner import work_on
from monitoring.evaluation.runs import cancel_run, start_run, sweep_runs
from monitoring.experiments.drafts import GuardrailDraft
from monitoring.experiments.lifecycle import conclude, stop
from monitoring.experiments.looks import look_where_due
from monitoring.flags.raising import raise_flags, sweep_flags
from monitoring.models import EvaluationRun, ExperimentLook, FiringAlert, Flag, JudgeVersion, WebhookDelivery
from monitoring.reviewing.deciding import decide
from monitoring.reviewing.verdict import Verdicts
from monitoring.webhooks.sending import send_due
from tests.experiment_traffic import Unit, make_started, meet
from tests.factories import make_config, make_conversation, make_dataset, make_item, make_run, make_turn
from tests.review_rows import make_member, make_review_item, make_verdict
from tests.reviewed import turn_of
from tests.test_webhook_docs import documented
from tests.webhook_receiver import make_hook, receiving

pytestmark = pytest.mark.django_db
SITE = "https://rag.example.com"


@pytest.fixture(autouse=True)
def world(settings) -> None:
    settings.WEBHOOK_NETWORKS = (ip_network("127.0.0.0/8"),)
    settings.PUBLIC_URL = f"{SITE}/"
    settings.REVIEW_SAMPLE_RATE = settings.REVIEW_DOUBLE_RATE = 0.0


@pytest.fixture
def receiver():
    with receiving() as running:
        yield running


@pytest.fixture
def listen(receiver):
    """A function that makes a webhook which the receiver hears."""
    return lambda **values: make_hook(receiver.url(), **values)[0]


@pytest.fixture
def heard(receiver):
    """A function that sends what is due and returns (type, data) of each request since the last time."""

    def sent():
        send_due()
        bodies = [got.json for got in receiver.got]
        receiver.got.clear()
        for body in bodies:  # as the handbook shows it
            example = documented()[re.sub(r"^evaluation_run\..*", "evaluation_run.finished", body["type"])]
            assert list(body) == list(example)
            assert body["data"].keys() - {"texts"} == example["data"].keys()
        return [(body["type"], body["data"]) for body in bodies]

    return sent


def test_vote_given_changed_and_taken_back(listen, heard, alice):
    listen()
    turn = make_turn()
    feedback = give_feedback(turn=turn, user=alice, value=-1, reasons=["INACCURATE"], comment="It is five.")
    give_feedback(turn=turn, user=alice, value=1)
    withdraw_feedback(turn=turn, user=alice)
    assert not withdraw_feedback(turn=turn, user=alice)

    first, second, third = heard()

    assert [first[0], second[0], third[0]] == ["feedback.given", "feedback.given", "feedback.withdrawn"]
    data = first[1]
    assert data.pop("given_at")
    assert data == {
        "feedback_id": feedback.pk,
        "turn_id": turn.pk,
        "conversation_id": str(turn.conversation_id),
        "origin": "USER",
        "url": f"{SITE}/admin/chat/conversation/{turn.conversation_id}/change/#turn-{turn.pk}",
        "user_id": alice.pk,
        "value": -1,
        "reasons": ["INACCURATE"],
        "has_comment": True,
    }
    assert second[1]["value"] == 1
    assert third[1] == {name: data[name] for name in data.keys() - {"value", "reasons", "has_comment"}}


def test_vote_that_was_undone_is_not_told(listen, alice):
    listen()
    with pytest.raises(RuntimeError), transaction.atomic():
        give_feedback(turn=make_turn(), user=alice, value=1)
        raise RuntimeError

    assert not WebhookDelivery.objects.exists()


def test_texts_are_sent_to_who_asks_for_them_and_not_kept(listen, heard, alice):
    listen(with_text=True)
    give_feedback(turn=make_turn(), user=alice, value=-1, comment="It is five.")

    [(_, data)] = heard()

    assert data["texts"] == {
        "question": "How do citations work?",
        "answer": "Each number opens the chunk that it comes from [1].",
        "comment": "It is five.",
    }
    assert "texts" not in WebhookDelivery.objects.get().payload["data"]


def test_text_that_was_deleted_meanwhile_is_not_sent(listen, heard, alice):
    listen(with_text=True)
    turn = make_turn()
    give_feedback(turn=turn, user=alice, value=-1, comment="It is five.")
    delete_conversation(conversation=turn.conversation)

    [(_, data)] = heard()

    assert "texts" not in data


def test_only_chosen_origins_and_events_are_told(listen, heard, alice):
    listen()
    give_feedback(turn=make_turn(conversation=make_conversation(origin="SYNTHETIC")), user=alice, value=1)
    assert heard() == []
    listen(origins=["SYNTHETIC"], events=["feedback.given"])
    turn = make_turn(conversation=make_conversation(origin="SYNTHETIC"))
    give_feedback(turn=turn, user=alice, value=1)
    withdraw_feedback(turn=turn, user=alice)

    assert [name for name, _ in heard()] == ["feedback.given"]


def test_nobody_listens_and_nothing_is_written(listen, alice):
    listen(events=["flag.raised"])
    listen(is_active=False)
    give_feedback(turn=make_turn(), user=alice, value=1)

    assert not WebhookDelivery.objects.exists()


def test_flag_is_told_once_and_again_when_it_is_more_than_advice(listen, heard):
    hook = listen(with_text=True)
    turn = make_turn()
    verdict = make_verdict(turn=turn)
    raise_flags([turn.pk])
    sweep_flags()

    [(name, data)] = heard()
    assert (name, data["reason"], data["is_advisory"]) == ("flag.raised", "NOT_GROUNDED", True)
    assert (data["score_id"], data["review_url"]) == (verdict.pk, None)
    assert data["texts"]["detail"] == Flag.objects.get().detail
    JudgeVersion.objects.update(standing=JudgeVersion.Standing.PROVEN)
    raise_flags([turn.pk])
    [(_, data)] = heard()
    item = turn.conversation.review_item
    assert (data["is_advisory"], data["review_url"]) == (
        False,
        f"{SITE}/admin/monitoring/reviewitem/{item.pk}/review/",
    )
    assert hook.deliveries.count() == 2


def test_review_is_told_with_labels_when_it_finishes_its_item(listen, heard):
    listen(with_text=True)
    item = make_review_item()
    turn, reviewer = turn_of(item), make_member("reviewer")
    verdicts = Verdicts(
        turns={turn.pk: {"relevance": "NON_RELEVANT"}}, corrections={turn.pk: "Five."}, note="Off the topic."
    )
    review = decide(item=item, reviewer=reviewer, verdicts=verdicts, seen_flags=[turn.flags.get().pk])

    [(name, data)] = heard()

    assert name == "review.decided"
    assert (data["review_id"], data["item_status"], data["reviewer_id"]) == (review.pk, "RESOLVED", reviewer.pk)
    assert data["labels"] == [
        {"turn_id": turn.pk, "reviewer_id": reviewer.pk, "name": "relevance", "label": "NON_RELEVANT", "value": 0.0}
    ]
    assert data["url"] == f"{SITE}/admin/monitoring/reviewitem/{item.pk}/review/"
    assert data["texts"]["corrected_answers"] == [{"turn_id": turn.pk, "review_id": review.pk, "text": "Five."}]
    assert data["texts"]["notes"] == [{"id": review.pk, "note": "Off the topic."}]
    assert data["texts"]["turns"][0]["question"] == turn.question


def test_first_of_two_reviews_tells_no_label(listen, heard):
    listen(with_text=True)
    item = make_review_item(reviews_wanted=2)
    verdicts = Verdicts(turns={turn_of(item).pk: {"relevance": "RELEVANT"}}, note="Fine.")
    decide(item=item, reviewer=make_member("reviewer"), verdicts=verdicts)

    [(_, first)] = heard()
    decide(item=item, reviewer=make_member("reviewer"), verdicts=verdicts)
    [(_, second)] = heard()

    assert (first["item_status"], first["labels"], "texts" in first) == ("IN_REVIEW", None, False)
    assert (second["item_status"], len(second["labels"])) == ("RESOLVED", 2)


def test_run_that_is_finished(listen, heard):
    listen()
    dataset = make_dataset()
    make_item(dataset=dataset)
    run = start_run(dataset=dataset, config=make_config(search_mode="text"), enqueue=False)
    assert work_on(run.pk) == "DONE"

    [(name, data)] = heard()

    assert name == "evaluation_run.finished"
    assert (data["run_id"], data["dataset"], data["status"], data["done_items"]) == (run.pk, dataset.name, "DONE", 1)
    assert (data["error"], data["unpriced_calls"]) == ("", 0)
    assert data["url"] == f"{SITE}/admin/monitoring/evaluationrun/{run.pk}/report/"


def test_run_that_fails_is_cancelled_or_given_up(listen, heard):
    listen()
    failed, paused, cancelled, dead = (make_run(status="QUEUED") for _ in range(4))
    claim(failed.pk).release("FAILED", "The model is gone.")
    claim(paused.pk).release("QUEUED")
    cancel_run(run=cancelled)
    long_ago = timezone.now() - timedelta(hours=1)
    EvaluationRun.objects.filter(pk=dead.pk).update(status="RUNNING", heartbeat_at=long_ago, starts=5)
    sweep_runs()

    told = [(name, data["run_id"], data["error"][:21]) for name, data in heard()]

    assert told == [
        ("evaluation_run.failed", failed.pk, "The model is gone."),
        ("evaluation_run.cancelled", cancelled.pk, ""),
        ("evaluation_run.failed", dead.pk, "The process that work"),
    ]


def test_alert_is_told_when_it_fires_and_when_it_is_quiet(listen, heard):
    Heartbeat.objects.all().delete()
    listen(events=["alert.fired", "alert.resolved"])
    Heartbeat.objects.create(name="worker", beat_at=timezone.now() - timedelta(hours=1))
    silent = [tell_changes(), tell_changes()]

    fired = dict(_of_rule(heard(), "worker_gone"))
    data = fired["alert.fired"]
    assert silent[1] == 0
    assert data["value"] > data["threshold"]
    assert (data["severity"], data["n"]) == ("critical", None)
    assert data["runbook_url"] == f"{SITE}/admin/runbooks/worker-gone/"
    Heartbeat.objects.update(beat_at=timezone.now())
    tell_changes()
    assert _of_rule(heard(), "worker_gone") == []  # it may come back at once
    FiringAlert.objects.update(seen_at=timezone.now() - timedelta(minutes=5))
    tell_changes()
    [(name, quiet)] = _of_rule(heard(), "worker_gone")
    assert (name, quiet["fired_at"]) == ("alert.resolved", data["fired_at"])
    assert quiet["resolved_at"] > quiet["fired_at"]


def test_who_begins_to_listen_is_told_what_fires(listen, heard):
    Heartbeat.objects.update_or_create(name="worker", defaults={"beat_at": timezone.now() - timedelta(hours=1)})
    FiringAlert.objects.create(rule="worker_gone", fired_at=timezone.now(), seen_at=timezone.now())
    assert tell_changes() == 0
    listen()
    tell_changes()

    assert [name for name, _ in _of_rule(heard(), "worker_gone")] == ["alert.fired"]


def test_verdict_is_told_when_it_changes_and_the_stop_by_a_guardrail(listen, heard):
    listen()
    experiment = make_started(
        at=timezone.now() - timedelta(hours=3),
        guardrails=[GuardrailDraft("total_seconds", 0.5)],
        stops_on_guardrail=True,
    )
    look_where_due()
    assert heard() == []  # nobody met it yet
    meet(experiment, "A", [Unit(up=1, seconds=1.0)] * 40, at=timezone.now() - timedelta(hours=2))
    meet(experiment, "B", [Unit(up=1, seconds=4 + n % 3) for n in range(40)], at=timezone.now() - timedelta(hours=2))
    for _ in range(2):
        ExperimentLook.objects.all().delete()
        look_where_due()

    verdict, stopped = heard()

    assert verdict[0] == "experiment.verdict"
    data = verdict[1]
    assert (data["previous_kind"], data["kind"], data["is_final"]) == ("no_data", "harmful", True)
    assert data["text"].startswith("“B” does harm: ")
    assert data["url"] == f"{SITE}/admin/monitoring/experiment/{experiment.pk}/change/"
    assert stopped[0] == "experiment.stopped"
    assert stopped[1]["reason"].startswith("“B” does harm: ")


def test_experiment_that_is_stopped_by_a_person_or_concluded(listen, heard):
    listen()
    one, other = make_started(traffic=5000), make_started(traffic=5000)
    stop(experiment=one, reason="Too dear.")
    conclude(experiment=other, winner=None, text="Nothing learned.")

    told = [(name, data["experiment_id"], data["reason"]) for name, data in heard()]

    assert told == [("experiment.stopped", one.pk, "Too dear."), ("experiment.stopped", other.pk, "concluded")]


def _of_rule(told, rule):
    return [(name, data) for name, data in told if data["rule"] == rule]

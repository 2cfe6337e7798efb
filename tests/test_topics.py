"""Topics: grouping, words, figures, the worker's part, forgetting, and the pages."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone

from chat.models import Turn
from chat.services.conversations import delete_conversation
from monitoring import tasks
from monitoring.exceptions import TopicError
from monitoring.models import Topic, TopicRun, TopicTurn
from monitoring.topics import grouping, working
from monitoring.topics.figures import Share, topic_figures
from monitoring.topics.forgetting import forget_deleted
from monitoring.topics.grouping import first_places, group_questions
from monitoring.topics.orders import KEPT, cancel_run, drop_old_runs, order_daily, start_run, sweep_runs
from monitoring.topics.wording import telling_words
from tests.factories import make_config, make_conversation, make_feedback, make_turn, make_user
from tests.review_rows import make_member, make_verdict, make_version

NOW = datetime(2026, 11, 20, tzinfo=UTC)
TOPICS = "admin:monitoring_topicrun_changelist"


def _cloud(direction: int, count: int, *, dimensions: int = 8, noise: float = 0.02) -> np.ndarray:
    """Return so many vectors of length 1 near one axis."""
    points = np.random.default_rng(direction).normal(0, noise, (count, dimensions))
    points[:, direction] += 1
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def _questions(count: int, name: str = "question") -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def test_questions_that_are_near_become_a_group_and_others_stay_alone():
    vectors = np.vstack([_cloud(0, 4), _cloud(1, 6), _cloud(2, 1)])

    found = group_questions(vectors, _questions(11))

    assert found.groups.tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, -1]
    assert found.count == 2
    assert np.isnan(found.similarities[10])
    assert found.similarities[:10].min() > 0.99


def test_what_is_asked_again_in_the_same_words_is_a_group_though_alone():
    vectors = np.vstack([_cloud(0, 4), _cloud(1, 4), np.repeat(_cloud(2, 1), 5, axis=0)])

    found = group_questions(vectors, [*_questions(8), "Refund?", "refund", "REFUND!", "refund", "refund"])

    assert found.groups[8:].tolist() == [0] * 5
    assert found.count == 3


def test_more_questions_than_are_compared_join_the_nearest_group_if_near_enough(monkeypatch):
    monkeypatch.setattr(grouping, "MOST_COMPARED", 12)
    vectors = np.vstack([_cloud(0, 6), _cloud(1, 6), _cloud(0, 6)[:2] + 1e-4, _cloud(3, 2)])

    found = group_questions(vectors, _questions(16))

    assert found.groups[12:].tolist() == [found.groups[0], found.groups[0], -1, -1]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_questions_have_no_groups(count):
    found = group_questions(_cloud(0, count).astype(np.float32).reshape(count, 8), _questions(count))

    assert (found.groups.tolist(), found.count) == ([-1] * count, 0)


def test_the_same_question_is_the_same_apart_from_case_blanks_and_signs():
    assert first_places(["How?", "why", " how ", "??", "??", "How so"]).tolist() == [0, 1, 0, 3, 3, 5]


def test_words_tell_a_group_from_others_and_come_from_two_conversations():
    asked = [
        (0, "a", "How do I reset the password?"),
        (0, "b", "password reset for Zoltan"),
        (1, "c", "Where is the invoice of Zoltan?"),
        (1, "d", "invoice address and password"),
        (1, "d", "address again, address"),
    ]

    assert telling_words(asked) == {0: ["reset", "password"], 1: ["invoice"]}


def _asked(question: str, *, days_ago: float = 1, **overrides) -> Turn:
    turn = make_turn(question=question, **overrides)
    Turn.objects.filter(pk=turn.pk).update(created_at=NOW - timedelta(days=days_ago))
    return turn


def _run(**overrides) -> TopicRun:
    return TopicRun.objects.create(**{"since": NOW - timedelta(days=30), "until": NOW, **overrides})


@pytest.fixture
def traffic(db) -> dict[str, list[Turn]]:
    """Two topics and a question like no other; the names say which."""
    config, user = make_config(), make_user()

    def ask(question: str, **overrides) -> Turn:
        return _asked(question, config=config, conversation=make_conversation(user=user), **overrides)

    reset = ["How do I reset my password?", "How can I reset the password?", "Where do I reset my password?",
             "Reset my password, how?"]  # fmt: skip
    invoices = ["Where is my invoice?", "Where can I find my invoice?", "Where do I find the invoice?"]
    made = {
        "reset": [ask(question) for question in reset],
        "invoice": [ask(question, days_ago=35) for question in invoices[1:]] + [ask(invoices[0], nothing_found=True)],
        "alone": [ask("Can penguins fly over the sea in winter?")],
        "other origin": [ask("How do I reset my password?", origin="API")],
    }
    ask("How do I reset my password?", days_ago=90)
    make_feedback(turn=made["reset"][0], value=-1)
    make_feedback(turn=made["reset"][1], value=1)
    version = make_version()
    make_verdict("UNSUPPORTED", turn=made["reset"][0], judge_version=version)
    make_verdict("UNSUPPORTED", turn=made["reset"][2], judge_version=version)
    make_verdict("SUPPORTED", turn=made["reset"][3], judge_version=version)
    return made


@pytest.fixture
def done(traffic) -> TopicRun:
    run = _run()
    assert tasks.group_questions(run.pk) == "DONE"
    run.refresh_from_db()
    return run


def _of(run: TopicRun, turns: list[Turn]) -> set[int | None]:
    return set(run.members.filter(turn__in=turns).values_list("topic", flat=True))


def test_a_run_groups_questions_and_keeps_no_vector(done, traffic):
    assert (done.found_turns, done.total_turns, done.done_turns) == (8, 8, 8)
    assert len(_of(done, traffic["reset"])) == len(_of(done, traffic["invoice"])) == 1
    assert _of(done, traffic["reset"]) != _of(done, traffic["invoice"])
    assert _of(done, traffic["alone"]) == {None}
    assert _of(done, traffic["other origin"]) == set()
    assert not done.members.filter(vector__isnull=False).exists()
    assert tasks.group_questions(done.pk) == "not free"


def test_figures_count_the_range_with_shares_and_the_time_before(done):
    reset, invoice = topic_figures(done)

    assert (reset.asked, reset.asked_before, reset.troubled, reset.down) == (4, 0, 2, 1)
    assert reset.words[:2] == ["reset", "password"] or reset.words[:2] == ["password", "reset"]
    assert "password" in reset.question
    assert _rounded(reset.trouble) == (0.5, 0.15, 0.85, 4)
    assert _rounded(reset.disliked) == (0.5, 0.095, 0.905, 2)
    assert _rounded(reset.grounded) == (0.333, 0.061, 0.792, 3)
    assert _rounded(reset.refused) == (0, 0, 0.49, 4)
    assert (invoice.asked, invoice.asked_before, invoice.refusals, invoice.growth) == (1, 2, 1, -1)
    assert invoice.disliked == Share(None, None, None, 0)
    assert [one.asked for one in topic_figures(done, "growth")] == [4, 1]


def _rounded(share: Share) -> tuple[float, ...]:
    return (*(round(value, 3) for value in (share.value, share.low, share.high)), share.n)


def test_what_is_deleted_is_gone_from_topics_too(done, traffic):
    (reset_id,) = _of(done, traffic["reset"])
    for turn in traffic["reset"]:
        delete_conversation(conversation=turn.conversation)

    forget_deleted()

    assert Topic.objects.get(pk=reset_id).words == []
    figures = {one.pk: one for one in topic_figures(done)}
    assert (figures[reset_id].question, figures[reset_id].asked) == ("", 4)
    assert forget_deleted() == 0


def test_a_run_goes_on_where_it_was(traffic, monkeypatch):
    monkeypatch.setattr(working, "_BATCH", 3)
    run = _run()

    assert tasks.group_questions(run.pk, seconds=0) == "QUEUED"
    first = run.members.filter(vector__isnull=False).count()
    assert tasks.group_questions(run.pk) == "DONE"

    run.refresh_from_db()
    assert (first, run.done_turns) == (3, 8)


def test_a_run_is_a_sample_where_there_are_too_many(traffic, monkeypatch):
    monkeypatch.setattr(working, "MOST_TURNS", 5)
    run = _run()

    working.work_on(run.pk, 60)

    run.refresh_from_db()
    assert (run.found_turns, run.total_turns, run.is_sample) == (8, 5, True)


def test_a_run_that_is_cancelled_ends(traffic):
    waiting = _run()
    cancel_run(run=waiting)
    going = _run()
    TopicRun.objects.filter(pk=going.pk).update(status="RUNNING", heartbeat_at=timezone.now())
    cancel_run(run=going)

    assert tasks.group_questions(waiting.pk) == "not free"
    assert tasks.group_questions(going.pk) == "CANCELLED"
    assert not TopicTurn.objects.filter(vector__isnull=False).exists()


@pytest.mark.django_db
def test_one_run_at_a_time_and_lost_ones_are_taken_up_again(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as queued:
        run = start_run()
    assert len(queued) == 1
    with pytest.raises(TopicError, match="being grouped already"):
        start_run()

    assert sweep_runs() == 0
    TopicRun.objects.filter(pk=run.pk).update(created_at=NOW - timedelta(days=1), heartbeat_at=None)
    assert sweep_runs() == 1


@pytest.mark.django_db
def test_topics_are_made_once_a_day_when_somebody_asked():
    assert order_daily() == 0  # nobody asked
    make_turn()
    assert order_daily() == 1
    assert order_daily() == 0  # it waits
    TopicRun.objects.update(status="DONE", created_at=timezone.now() - timedelta(days=2))
    TopicRun.objects.update(until=timezone.now())
    assert order_daily() == 0  # nobody asked since


@pytest.mark.django_db
def test_old_runs_go():
    runs = [_run(status="DONE") for _ in range(KEPT + 2)]
    _run(status="DONE", origin="API")

    drop_old_runs("USER")

    assert set(TopicRun.objects.filter(origin="USER")) == set(runs[2:])
    assert TopicRun.objects.filter(origin="API").count() == 1


def test_pages_show_topics_and_lead_to_their_turns(done, traffic, client):
    client.force_login(make_member("reviewer"))
    (reset_id,) = _of(done, traffic["reset"])

    page = client.get(reverse(TOPICS))
    topic = client.get(reverse("admin:monitoring_topicrun_topic", args=[reset_id]))
    turns = client.get(topic.context["turns_url"])
    liked = client.get(f"{topic.context['turns_url']}&vote=down")

    assert "7 questions" not in page.content.decode()
    assert [one.asked for one in page.context["topics"]] == [4, 1]
    assert len(topic.context["members"]) == 4
    assert {turn.pk for turn in turns.context["cl"].result_list} == {turn.pk for turn in traffic["reset"]}
    assert [turn.pk for turn in liked.context["cl"].result_list] == [traffic["reset"][0].pk]


@pytest.mark.parametrize("topic", ["0", "x"])
def test_a_topic_that_is_gone_is_said(client, staff, topic):
    client.force_login(staff)

    response = client.get(f"{reverse('admin:chat_turn_changelist')}?topic={topic}")

    assert list(response.context["cl"].result_list) == []
    assert f"There is no topic {topic}." in str(next(iter(response.context["messages"])))


@pytest.mark.django_db
def test_an_operator_orders_topics_and_a_reviewer_does_not(client):
    client.force_login(make_member("operator"))
    empty = client.get(reverse(TOPICS)).content.decode()
    client.post(reverse("admin:monitoring_topicrun_start"), {"days": "7", "origin": "API"})
    wrong = client.post(reverse("admin:monitoring_topicrun_start"), {"days": "5", "origin": "API"}, follow=True)
    run = TopicRun.objects.get()
    going = client.get(reverse("admin:monitoring_topicrun_going", args=[run.pk]))
    client.post(reverse("admin:monitoring_topicrun_cancel", args=[run.pk]))
    ended = client.get(reverse("admin:monitoring_topicrun_going", args=[run.pk]))
    client.force_login(make_member("reviewer"))
    refused = client.post(reverse("admin:monitoring_topicrun_start"), {"days": "7", "origin": "API"})

    assert "What do users ask, and where do answers fail?" in empty
    assert (run.days, run.origin) == (7, "API")
    assert "not one of the available choices" in str(next(iter(wrong.context["messages"])))
    assert "Waiting for the worker" in going.content.decode()
    assert ended.headers["HX-Refresh"] == "true"
    assert refused.status_code == 403


def test_pages_cost_the_same_however_many_topics(done, client, staff, django_assert_max_num_queries):
    client.force_login(staff)
    client.get(reverse(TOPICS))

    with django_assert_max_num_queries(12):
        client.get(reverse(TOPICS))

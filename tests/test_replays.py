"""Reviewed turns in datasets, and what was wrong put to a config again: green, red, or not to be told."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ

from chat.models import Document, LLMCall, PipelineConfig, Turn
from chat.rag.config import Provider
from chat.services.configs import find_config
from monitoring.exceptions import DatasetError, ReviewError
from monitoring.models import Dataset, DatasetItem, JudgeRule, Replay
from monitoring.reviewing.adding import add_to_dataset, dataset_names
from monitoring.reviewing.replay import TASK, run_replay, start_replay, sweep_replays
from tests.factories import make_config, make_conversation, make_dataset, make_hit, make_item, make_turn, make_user
from tests.fake_replies import Reply
from tests.fakes import FakeLLM
from tests.knowledge import make_knowledge

# Into a dataset


@pytest.mark.django_db
def test_turn_is_added_with_all_that_is_known_of_it():
    conversation = make_conversation()
    make_turn(conversation=conversation, question="What is a pump?", answer="A machine.")
    turn = make_turn(conversation=conversation, question="How is it started?")
    cited, _ = make_hit(turn=turn, is_cited=True), make_hit(turn=turn)
    labels = {"relevance": "NON_RELEVANT", "context_relevance": "RELEVANT"}

    item = add_to_dataset(turn=turn, dataset_name="pump", correction=" Press green. ", labels=labels)

    assert (item.dataset.name, item.question, item.expected_answer) == ("pump", "How is it started?", "Press green.")
    assert item.history == [{"question": "What is a pump?", "answer": "A machine."}]
    assert item.tags == ["relevance:non_relevant", "context_relevance:relevant"]
    assert (item.source, item.source_turn) == ("REVIEW", turn)
    relevant = item.relevant.get()
    assert (relevant.document, relevant.start, relevant.end) == (cited.document, cited.chunk.start, cited.chunk.end)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("label", "marked", "expected"),
    [
        ("RELEVANT", False, {1}),
        ("PARTLY_RELEVANT", False, {1}),
        ("NON_RELEVANT", False, set()),
        ("", False, set()),
        ("NON_RELEVANT", True, {2}),
        ("RELEVANT", True, {2}),
    ],
)
def test_relevant_are_the_hits_that_were_marked_or_those_that_are_cited(label, marked, expected):
    turn = make_turn()
    hits = [make_hit(turn=turn, is_cited=True), make_hit(turn=turn), make_hit(turn=turn)]
    labels = {"context_relevance": label} if label else {}

    item = add_to_dataset(
        turn=turn, dataset_name="x", correction="A.", labels=labels, hit_ids=[hits[1].pk] if marked else []
    )

    by_document = {hit.document_id: hit.rank for hit in hits}
    assert {by_document[row.document_id] for row in item.relevant.all()} == expected


@pytest.mark.django_db
def test_of_a_relevant_context_without_citations_all_hits_are_relevant():
    turn = make_turn()
    make_hit(turn=turn), make_hit(turn=turn), make_hit(turn=turn, chunk=None)

    item = add_to_dataset(turn=turn, dataset_name="x", correction="A.", labels={"context_relevance": "RELEVANT"})

    assert item.relevant.count() == 2


@pytest.mark.django_db
def test_answer_that_is_called_good_is_what_is_expected():
    turn = make_turn(answer="Press green [1].")

    item = add_to_dataset(turn=turn, dataset_name="x", labels={"relevance": "RELEVANT", "groundedness": "SUPPORTED"})

    assert item.expected_answer == "Press green."


@pytest.mark.django_db
@pytest.mark.parametrize(
    "labels", [{}, {"relevance": "RELEVANT"}, {"relevance": "RELEVANT", "groundedness": "UNSUPPORTED"}]
)
def test_without_a_known_answer_it_is_refused(labels):
    with pytest.raises(ReviewError, match="What should it have answered"):
        add_to_dataset(turn=make_turn(), dataset_name="x", labels=labels)
    assert not Dataset.objects.exists()


@pytest.mark.django_db
def test_question_that_nothing_answers_needs_no_answer():
    turn = make_turn()
    make_hit(turn=turn, is_cited=True)

    item = add_to_dataset(turn=turn, dataset_name="x", is_answerable=False, labels={"context_relevance": "RELEVANT"})

    assert (item.is_answerable, item.expected_answer, item.relevant.count()) == (False, "", 0)


@pytest.mark.django_db
def test_added_again_it_takes_its_earlier_place():
    turn = make_turn()
    add_to_dataset(turn=turn, dataset_name="x", correction="Five.")

    item = add_to_dataset(turn=turn, dataset_name="x", correction="Four.")

    assert DatasetItem.objects.current().get() == item
    assert item.expected_answer == "Four."


@pytest.mark.django_db
def test_name_that_cannot_be_one_is_refused():
    with pytest.raises(DatasetError, match="cannot name a dataset"):
        add_to_dataset(turn=make_turn(), dataset_name="my set!", correction="A.")


@pytest.mark.django_db
def test_default_dataset_is_the_one_used_last():
    ann, bob = make_user(), make_user()
    assert dataset_names(ann) == ["from-reviews"]
    make_dataset(name="aaa")
    add_to_dataset(turn=make_turn(question="1?"), dataset_name="pump", correction="A.", author=ann)
    add_to_dataset(turn=make_turn(question="2?"), dataset_name="valve", correction="A.", author=bob)

    assert dataset_names(ann) == ["pump", "aaa", "valve"]
    assert dataset_names(bob)[0] == dataset_names(make_user())[0] == "valve"


# Replays


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as fake:
        settings.PROVIDERS = {"fake": Provider("fake", fake.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield fake


@pytest.fixture
def item(fake_llm):
    """A question about the pump with its answer and the passage that holds it."""
    make_knowledge()
    PipelineConfig.objects.update(model="fake/default", min_similarity=-1)
    pump = Document.objects.get(source_id="pump.md")
    made = make_item(
        [pump], question="How is the pump started?", expected_answer="Press the green button for three seconds."
    )
    start = pump.text.index("Press the green")
    made.relevant.update(start=start, end=start + 40)
    return made


def replayed(item: DatasetItem) -> Replay:
    replay = start_replay(item=item, config=find_config("hybrid"))
    run_replay(replay.pk)
    replay.refresh_from_db()
    return replay


needs_knowledge = pytest.mark.django_db(transaction=True)


@needs_knowledge
@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        ("To start it, press the green button for three seconds [1].", "FIXED", "says 1 of 1 sentences"),
        ("Close the valve.\n\nPress the green button for three seconds.\n\nUse warm water.", "FIXED", "1 of its own 3"),
        ("The lamp of the valve turns yellow at night [1].", "STILL_WRONG", "says 0 of 1 sentences"),
        ("Press the green button for 30 seconds to start the pump [1].", "STILL_WRONG", "0 of its own 1 stand there"),
        ("I do not know.", "STILL_WRONG", "It only says that it does not know."),
    ],
)
def test_rule_without_a_model_tells_green_from_red(item, fake_llm, answer, outcome, reason):
    if "30" in answer:
        item.expected_answer = "Press the green button for 3 seconds."
        item.save()
    fake_llm.enqueue(answer)

    replay = replayed(item)

    assert (replay.outcome, reason in replay.reason) == (outcome, True), replay.reason
    assert replay.finished_at is not None
    assert (replay.turn.origin, replay.turn.question) == ("EVALUATION", item.question)
    assert replay.turn.conversation.title == f"Replay of item {item.pk}"


@needs_knowledge
def test_too_little_text_is_not_to_be_told(item, fake_llm):
    item.expected_answer = "Yes."
    item.save()
    fake_llm.enqueue("Press the green button for three seconds [1].")

    replay = replayed(item)

    assert (replay.outcome, replay.reason) == (
        "UNKNOWN",
        "There is too little text for a rule; a judge's model could tell.",
    )


@needs_knowledge
def test_answer_without_the_passage_that_holds_it_is_red(item, fake_llm):
    PipelineConfig.objects.update(top_k=1)
    valve = Document.objects.get(source_id="valve.md")
    item.relevant.update(document=valve, source_id=valve.source_id, start=None, end=None)
    fake_llm.enqueue("Press the green button for three seconds [1].")

    replay = replayed(item)

    assert (replay.outcome, replay.reason) == ("STILL_WRONG", "No passage that holds the answer was found.")


@needs_knowledge
@pytest.mark.parametrize(("answer", "outcome"), [("I do not know.", "FIXED"), ("It is 42.", "STILL_WRONG")])
def test_question_that_nothing_answers_is_right_when_the_answer_says_so(item, fake_llm, answer, outcome):
    item.is_answerable = False
    item.save()
    fake_llm.enqueue(answer)

    assert replayed(item).outcome == outcome


@needs_knowledge
@pytest.mark.parametrize(("label", "outcome"), [("good", "FIXED"), ("bad", "STILL_WRONG")])
def test_judge_is_asked_where_a_rule_names_its_model(item, fake_llm, label, outcome):
    JudgeRule.objects.create(name="r", judge="relevance", model="fake/judge", since=timezone.now())
    fake_llm.enqueue("It is started by the green button [1].")
    fake_llm.enqueue(json.dumps({"reasoning": "Three seconds are missing.", "label": label}))

    replay = replayed(item)

    assert (replay.outcome, replay.reason) == (outcome, f"fake/judge calls it {label}. Three seconds are missing.")
    assert set(LLMCall.objects.filter(turn=replay.turn).values_list("purpose", "model")) == {
        ("answer", "fake/default"),
        ("judge", "fake/judge"),
    }


@needs_knowledge
def test_judge_that_fails_is_not_replaced_by_the_rule(item, fake_llm):
    JudgeRule.objects.create(name="r", judge="relevance", model="fake/http-500", since=timezone.now())
    fake_llm.enqueue("Press the green button for three seconds [1].")

    replay = replayed(item)

    assert replay.outcome == "UNKNOWN"
    assert replay.reason.startswith("fake/http-500 gave no verdict:")


@needs_knowledge
def test_answer_that_fails_is_not_to_be_told_and_kept(item, fake_llm):
    fake_llm.enqueue(Reply(status=500))

    replay = replayed(item)

    assert replay.outcome == "UNKNOWN"
    assert replay.reason.startswith("It was not answered:")
    assert replay.turn.status == Turn.Status.FAILED


@needs_knowledge
def test_second_run_asks_and_changes_nothing(item, fake_llm):
    fake_llm.enqueue("Press the green button for three seconds [1].")
    replay = replayed(item)

    assert run_replay(replay.pk) == "FIXED"
    assert len(fake_llm.chat_requests) == 1
    assert Turn.objects.count() == 1


@pytest.mark.django_db
def test_replay_that_is_gone_is_left_alone():
    assert run_replay(0) == "gone"


@pytest.mark.django_db
def test_starting_asks_the_worker_once(django_capture_on_commit_callbacks):
    item, config = make_item(), make_config()

    with django_capture_on_commit_callbacks(execute=True):
        first = start_replay(item=item, config=config)
        assert start_replay(item=item, config=config) == first

    assert [task.task["func"] for task in OrmQ.objects.all()] == [TASK]
    assert callable(import_string(TASK))


@pytest.mark.django_db
def test_replay_that_nobody_finishes_is_given_up():
    lost, fresh = (Replay.objects.create(item=make_item(), config=make_config()) for _ in range(2))
    Replay.objects.filter(pk=lost.pk).update(created_at=timezone.now() - timedelta(hours=1))

    assert sweep_replays() == 1
    lost.refresh_from_db()
    fresh.refresh_from_db()
    assert (lost.outcome, lost.reason, fresh.outcome) == ("UNKNOWN", "The worker did not finish it.", "RUNNING")

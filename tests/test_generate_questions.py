"""Questions made from documents: what is asked of the model, what is kept, and what is dropped and why."""

import json
import random

import pytest

from chat.ingest.source import ReadOptions
from chat.models import Collection, LLMCall
from chat.rag.config import Provider
from chat.services.ingestion import ingest_paths
from monitoring.models import DatasetItem, GeneratedQuestion
from monitoring.synthetic.asking import PERSONAS, STYLES, people
from tests.fakes import FakeLLM
from tests.generated import SINGLE, TEXTS, generate, script

pytestmark = pytest.mark.django_db


@pytest.fixture
def travel(tmp_path):
    folder = tmp_path / "travel"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text)
    ingest_paths(paths=[folder], collection_name="travel", options=ReadOptions())
    return Collection.objects.get(name="travel")


@pytest.fixture
def fake_llm(settings):
    with FakeLLM() as server:
        settings.PROVIDERS = {"fake": Provider("fake", server.base_url)}
        settings.LLM_MAX_ATTEMPTS = 1
        yield server


def outcomes():
    return dict(GeneratedQuestion.objects.values_list("question", "outcome"))


def test_a_model_writes_questions_that_become_items(travel, fake_llm):
    script(fake_llm, SINGLE)

    out, _, error = generate()

    assert error == ""
    assert "6 kept, 0 dropped (golden, version 1)" in out
    item = DatasetItem.objects.get(question="May I take my bike on the night train?")
    assert (item.expected_answer, item.source, item.collection, item.cluster) == (
        "Yes, in a bag.", "MODEL", travel, "travel/trains.md",
    )  # fmt: skip
    (relevant,) = item.relevant.all()
    assert TEXTS["trains.md"][relevant.start : relevant.end].startswith("## Luggage")
    assert item.tags[0] == "one document"
    assert {call.purpose for call in LLMCall.objects.all()} == {"question"}
    assert LLMCall.objects.filter(prompt_name="questions_v1", turn=None).count() == 3


def test_the_request_names_people_passages_and_the_schema(travel, fake_llm):
    order = script(fake_llm, SINGLE)

    generate()

    request = fake_llm.chat_requests[0]
    system, user = (message["content"] for message in request.body["messages"])
    assert "Use fewer words of the passages" in system
    assert '"required": ["question", "answer", "passage"]' in system
    assert "[1]" in user
    assert TEXTS[order[0]][:20].strip("# \n") in user
    assert sum(persona in user for persona in PERSONAS.values()) >= 1
    assert "Write 2 questions" in user


def test_people_are_all_different_as_long_as_there_are_enough():
    asking = people(len(PERSONAS) * len(STYLES), random.Random(1))

    assert len(set(asking)) == len(asking)
    assert len(people(50, random.Random(1))) == 50


def test_an_object_with_keys_like_question1_is_read_rightly(travel, fake_llm):
    values = {name: [row["question"] for row in rows] for name, rows in SINGLE.items()}
    script(fake_llm, {name: json.dumps({"question1": a, "question2": b}) for name, (a, b) in values.items()})

    generate()

    assert set(DatasetItem.objects.values_list("question", flat=True)) == {q for pair in values.values() for q in pair}


def test_bad_questions_are_dropped_and_the_reason_is_kept(travel, fake_llm):
    fake = {
        "trains.md": [
            {"question": "Do reservations open ninety days ahead and cost four euros?", "answer": "", "passage": 1},
            {"question": "question1", "answer": "", "passage": 1},
        ],
        "hotels.md": [
            {"question": "When can I eat in the morning at the mountain hotel?", "answer": "", "passage": 1},
            {"question": "when can I eat in the morning at the mountain hotel", "answer": "", "passage": 1},
        ],
        "museum.md": SINGLE["museum.md"],
    }
    script(fake_llm, fake)

    out, err, _ = generate()

    assert outcomes() == {
        "Do reservations open ninety days ahead and cost four euros?": "COPIED",
        "question1": "NO_QUESTION",
        "When can I eat in the morning at the mountain hotel?": "KEPT",
        "when can I eat in the morning at the mountain hotel": "DUPLICATE",
        "At what hour does somebody show us round the clock museum?": "KEPT",
        "Is the clock museum free for school children?": "KEPT",
    }
    assert "3 kept, 3 dropped (golden, version 1)" in out
    assert "  1 dropped: copied from its document" in out
    assert any("the question 'question1' is a placeholder" in line for line in err)


def test_a_question_that_does_not_find_its_document_is_dropped(travel, fake_llm, tmp_path):
    volcanoes = tmp_path / "volcanoes"
    volcanoes.mkdir()
    for number in range(25):
        (volcanoes / f"v{number}.md").write_text(f"# Volcano {number}\n\nLava flows from volcano {number} to the sea.")
    ingest_paths(paths=[volcanoes], collection_name="travel", options=ReadOptions())
    asked = {name: [] for name in travel.documents.values_list("source_id", flat=True)}
    script(fake_llm, asked | {"hotels.md": [{"question": "To where flows lava from a volcano?", "passage": 1}]})

    generate()

    row = GeneratedQuestion.objects.get(question="To where flows lava from a volcano?")
    assert (row.outcome, row.reason) == ("NOT_FOUND", "its document is not among the first 20 hits")


def test_the_model_is_asked_again_whether_its_questions_can_be_answered(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    replies = []
    for name in order:
        replies += [json.dumps(SINGLE[name]), "[true, false]"]
    fake_llm._replies.clear()
    fake_llm.enqueue(*replies)

    out, _, _ = generate(no_check=False)

    assert sorted(outcomes().values()) == ["KEPT"] * 3 + ["NOT_ANSWERED"] * 3
    assert "  3 dropped: its document does not answer it" in out
    assert LLMCall.objects.filter(prompt_name="answerable_v1").count() == 3


def test_a_check_that_cannot_be_read_leaves_the_questions_unchecked(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    fake_llm._replies.clear()
    fake_llm.enqueue(*[reply for name in order for reply in (json.dumps(SINGLE[name]), "Fine.")])

    out, _, error = generate(no_check=False)

    assert error == ""
    assert "3 requests were not checked, because the check failed" in out
    assert set(outcomes().values()) == {"KEPT"}


def test_unanswerable_questions_have_no_document_and_are_dropped_when_they_are_answered(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    fake_llm._replies.clear()
    fake_llm.enqueue(*[reply for name in order for reply in (json.dumps(SINGLE[name]), "[true, true]")])
    fake_llm.enqueue('["Which night train has a cinema?", "What does a reservation cost?"]', "[false, true]")

    generate(no_check=False, unanswerable=0.34)

    item = DatasetItem.objects.get(is_answerable=False)
    assert (item.question, item.expected_answer, item.relevant.count()) == ("Which night train has a cinema?", "", 0)
    assert item.tags[0] == "unanswerable"
    assert item.cluster.startswith("travel/")
    assert outcomes()["What does a reservation cost?"] == "ANSWERED"


def test_questions_of_two_documents_have_both(travel, fake_llm):
    script(fake_llm, SINGLE)
    question = "Is a bed in the hotel with my dog dearer than one on the train?"
    fake_llm.enqueue(json.dumps([{"question": question, "answer": "Yes.", "passages": [1]}]))

    generate(multi_document=0.17)

    item = DatasetItem.objects.get(tags__contains=["two documents"])
    documents = set(item.relevant.values_list("source_id", flat=True))
    assert len(documents) == 2
    splits = DatasetItem.objects.filter(relevant__source_id__in=documents).values_list("split", flat=True)
    assert len(set(splits)) == 1

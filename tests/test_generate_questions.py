"""Questions made from documents: what is asked of the model, what is kept, what is dropped and why, and that nothing is
paid twice."""

import io
import json
import random
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from chat.ingest.source import ReadOptions
from chat.models import Collection, LLMCall, ModelPrice
from chat.rag.config import Provider
from chat.services.ingestion import ingest_paths
from monitoring.models import Dataset, DatasetItem, GeneratedQuestion, Generation, GenerationTask
from monitoring.synthetic.asking import PERSONAS, STYLES, people
from monitoring.synthetic.filters import why_copied
from monitoring.synthetic.pace import Working
from monitoring.synthetic.passages import passages_of
from monitoring.synthetic.planning import Wish, plan_generation
from monitoring.synthetic.rarity import Rarity
from monitoring.synthetic.templates import template_questions
from monitoring.synthetic.working import _LOCK_SPACE, work_on
from tests.factories import make_collection
from tests.fake_replies import Reply
from tests.fakes import FakeLLM

pytestmark = pytest.mark.django_db

TEXTS = {
    "trains.md": (
        "# Night trains\n\nA couchette is a compartment with six beds that strangers share. Reservations open ninety"
        " days ahead and cost four euros.\n\n"
        "## Luggage\n\nBicycles travel in the guard's van when they are packed in a bag.\n"
    ),
    "hotels.md": (
        "# Mountain hotels\n\nBreakfast is served from seven o'clock in the winter garden. Dogs may stay for twelve"
        " euros a night.\n\n## Sauna\n\nThe sauna is heated on request; ask the porter two hours before.\n"
    ),
    "museum.md": (
        "# Clock museum\n\nThe astronomical clock shows the phases of the moon. Guided tours start at noon.\n\n"
        "## Tickets\n\nPupils pay nothing on the first Sunday of each month.\n"
    ),
}
SINGLE = {
    "trains.md": [
        {"question": "How early can I secure a bunk for an overnight journey?", "answer": "Ninety days.", "passage": 1},
        {"question": "May I take my bike on the night train?", "answer": "Yes, in a bag.", "passage": 2},
    ],
    "hotels.md": [
        {"question": "When can I eat in the morning at the mountain hotel?", "answer": "From seven.", "passage": 1},
        {"question": "Whom do I tell that I want the hotel sauna warm?", "answer": "The porter.", "passage": 2},
    ],
    "museum.md": [
        {"question": "At what hour does somebody show us round the clock museum?", "answer": "At noon.", "passage": 1},
        {"question": "Is the clock museum free for school children?", "answer": "On first Sundays.", "passage": 2},
    ],
}  # fmt: skip


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


def generate(*args, **options):
    """Run the command; return stdout, stderr and its error."""
    out, err, error = io.StringIO(), io.StringIO(), ""
    options = {"collection": "travel", "name": "golden", "model": "fake/writer", "unanswerable": 0, **options}
    options = {"multi_document": 0, "per_document": 2, "no_check": True, "yes": True, "concurrency": 1, **options}
    try:
        call_command("generate_questions", *args, stdout=out, stderr=err, **options)
    except CommandError as exc:
        error = str(exc)
    return out.getvalue().splitlines(), err.getvalue().splitlines(), error


def script(fake_llm, replies):
    """Answer tasks in the order in which the seed puts the documents."""
    collection = Collection.objects.get(name="travel")
    plan = plan_generation(
        dataset_name="plan", collection=collection, wish=Wish(unanswerable_ratio=0, multi_document_ratio=0, model="")
    )
    ids = dict(collection.documents.values_list("pk", "source_id"))
    order = [ids[task.document_ids[0]] for task in plan.tasks.order_by("position")]
    plan.dataset.delete()
    fake_llm.enqueue(
        *(replies[name] if not isinstance(replies[name], list) else json.dumps(replies[name]) for name in order)
    )
    return order


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


def test_the_cost_is_shown_before_and_after(travel, fake_llm):
    ModelPrice.objects.create(
        model="fake/writer",
        input_usd_per_million=Decimal(2),
        output_usd_per_million=Decimal(10),
        valid_from="2020-01-01T00:00Z",
    )
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert out[0].startswith("fake/writer: about 3 requests, ")
    assert "Estimated cost: $0.0" in out[0]
    spent = sum(call.cost_usd for call in LLMCall.objects.all())
    assert spent > 0
    assert out[-1] == f"3 calls, ${spent:.2g}"
    assert Generation.objects.get().estimated_cost_usd > 0


def test_an_unknown_price_is_unknown(travel, fake_llm):
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert out[0].endswith("Estimated cost: unknown (the price of the model is not known).")
    assert out[-1] == "3 calls, $0.00, and 3 calls of unknown cost"


def test_nothing_is_asked_without_agreement(travel, fake_llm):
    _, _, error = generate(yes=False)

    assert error == "Nothing was asked yet. Add --yes to agree to the cost."
    assert fake_llm.chat_requests == []


def test_what_is_done_is_not_paid_again(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    fake_llm._replies.clear()
    fake_llm.enqueue(json.dumps(SINGLE[order[0]]), Reply(status=500), json.dumps(SINGLE[order[2]]))

    _, _, first = generate()
    assert first.startswith("1 requests failed and can be tried again, such as: ")
    assert len(fake_llm.chat_requests) == 3
    fake_llm.enqueue(json.dumps(SINGLE[order[1]]))
    out, _, error = generate()

    assert error == ""
    assert len(fake_llm.chat_requests) == 4
    assert out[0].endswith("for golden: 2 of 3 requests are done.")
    assert DatasetItem.objects.count() == 6
    assert Generation.objects.filter(dataset__name="golden").count() == 1


def test_a_killed_process_loses_only_what_was_on_its_way(travel, fake_llm):
    order = script(fake_llm, SINGLE)
    generation = plan_generation(
        dataset_name="golden",
        collection=travel,
        wish=Wish(2, 0, 0, model="fake/writer", is_checked=False),
    )
    stopped = []

    def stop(tasks):
        stopped.append(tasks)
        if len(stopped) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work_on(generation.pk, Working(concurrency=1, on_progress=stop))
    assert list(generation.tasks.order_by("position").values_list("status", flat=True)) == ["DONE", "DONE", "WAITING"]
    # a process that is killed outright leaves the row as it was
    Generation.objects.filter(pk=generation.pk).update(status=Generation.Status.RUNNING)

    assert work_on(generation.pk, Working(concurrency=1)) == "DONE"

    assert len(fake_llm.chat_requests) == len(order)
    assert DatasetItem.objects.count() == 6
    assert work_on(generation.pk) is None


def test_two_processes_do_not_work_on_the_same_order(travel, fake_llm):
    generation = plan_generation(dataset_name="golden", collection=travel, wish=Wish(model="fake/writer"))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK_SPACE, generation.pk])
            assert work_on(generation.pk) is None
    finally:
        other.close()

    assert fake_llm.chat_requests == []


def test_a_model_that_always_fails_stops_the_order(travel, fake_llm, tmp_path):
    fake_llm.enqueue(*[Reply(status=401)] * 20)

    _, _, error = generate(per_document=1, unanswerable=1, multi_document=1)

    assert error.startswith("The model failed 5 times in a row: ")
    assert len(fake_llm.chat_requests) == 5


def test_an_answer_without_questions_is_a_failed_request(travel, fake_llm):
    fake_llm.enqueue("I cannot do that.", "No.", "Never.")

    _, _, error = generate()

    assert "the answer has no questions in it" in error
    assert GenerationTask.objects.filter(status="FAILED").count() == 3
    assert LLMCall.objects.count() == 3
    assert not DatasetItem.objects.exists()


def test_requests_run_at_once_up_to_the_limit(travel, fake_llm):
    fake_llm.enqueue(*[Reply(json.dumps(["What is this?"]), first_token_delay_seconds=0.2)] * 3)

    generate(concurrency=2)

    assert fake_llm.open_streams_max == 2


def test_without_a_model_templates_make_questions_that_cost_nothing(travel):
    out, _, error = generate(model="offline/extractive", per_document=4, unanswerable=0.25, multi_document=0.1)

    assert error == ""
    assert out[0].startswith("No model: questions are made by templates.")
    items = DatasetItem.objects.all()
    assert {item.source for item in items} == {"TEMPLATE"}
    answerable = [item for item in items if item.is_answerable]
    single = [item for item in answerable if "one document" in item.tags]
    assert len(single) >= 6
    for item in single:
        (relevant,) = item.relevant.all()
        assert relevant.end > relevant.start
        assert why_copied(item.question, passages_of([relevant.document_id])[relevant.document_id]) == ""
    assert any("two documents" in item.tags for item in answerable)
    assert any(not item.is_answerable for item in items)
    assert not LLMCall.objects.exists()


def test_templates_give_the_same_questions_for_the_same_seed(travel):
    passages = next(iter(passages_of(travel.documents.values_list("pk", flat=True)).values()))
    rarity = Rarity(TEXTS.values())

    made = [template_questions(passages, count=4, rarity=rarity, rng=random.Random(7)) for _ in range(2)]

    assert made[0] == made[1] != []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"collection": "nowhere"}, 'There is no collection "nowhere"; known: travel.'),
        ({"per_document": 0}, "0 questions for a document: it has to be 1 to 50."),
        ({"unanswerable": 2.0}, "The share of unanswerable questions is 2; it has to be 0 to 1."),
        ({"limit_documents": 0}, "A limit of 0 documents leaves none; it has to be 1 or more."),
        ({"model": "nowhere/x"}, 'No model server "nowhere" is set up here; known: fake, offline.'),
        ({"model": "x"}, '"x" does not name a model. Write provider/model, for example "openai/gpt-4o-mini".'),
    ],
)
def test_a_wish_that_cannot_be_says_why(travel, fake_llm, options, error):
    assert generate(**options)[2] == error
    assert not Dataset.objects.exists()


def test_an_empty_collection_says_so():
    make_collection(name="travel")

    assert generate(model="")[2] == 'The collection "travel" has no documents that are ready; ingest some first.'


def test_what_the_dataset_asks_already_is_not_asked_again(travel, fake_llm):
    script(fake_llm, SINGLE)
    generate()
    script(fake_llm, SINGLE)

    out, _, _ = generate()

    assert "0 kept, 6 dropped (no new version)" in out
    assert "  6 dropped: says the same as another" in out

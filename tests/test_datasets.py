"""Changes, versions and splits of datasets; exports; items from turns."""

import io
import threading
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import close_old_connections, connection

from chat.models import Collection
from monitoring.datasets.drafts import ItemDraft, Relevant
from monitoring.datasets.exports import export_items
from monitoring.datasets.from_turns import item_from_turn
from monitoring.datasets.imports import ImportOptions, import_items
from monitoring.datasets.names import create_dataset
from monitoring.datasets.splits import Ratios, split_of
from monitoring.datasets.versions import change_dataset
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, DatasetItem
from tests.factories import (
    make_collection,
    make_conversation,
    make_document,
    make_hit,
    make_turn,
    make_user,
)

pytestmark = pytest.mark.django_db


def draft(question, *documents, **overrides):
    relevant = tuple(Relevant(name, None, "faq") for name in documents)
    return ItemDraft(question, **{"source": DatasetItem.Source.MANUAL, "relevant": relevant, **overrides})


def splits_of(dataset):
    return {item.question: item.split for item in dataset.items.current()}


def test_each_change_is_a_version_with_note_and_author():
    dataset = create_dataset(name="golden")
    author = make_user()

    first = change_dataset(dataset=dataset, add=[draft("Who?", "a"), draft("What?", "b")], note="Begun.")
    second = change_dataset(
        dataset=dataset, add=[draft("When?", "c")], remove=[dataset.items.get(question="Who?").pk], author=author
    )

    assert (first.version.number, first.version.note, first.version.created_by) == (1, "Begun.", None)
    assert (second.version.number, second.added, second.removed, second.version.created_by) == (2, 1, 1, author)
    assert [sorted(dataset.items.in_version(number).values_list("question", flat=True)) for number in (1, 2)] == [
        ["What?", "Who?"],
        ["What?", "When?"],
    ]


def test_nothing_to_change_makes_no_version():
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft("Who?", "a")])

    again = change_dataset(dataset=dataset, add=[draft("who? ", "a")])

    assert (again.version, again.already_there) == (None, 1)
    assert dataset.versions.count() == 1


def test_an_item_that_is_gone_cannot_be_removed_again():
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft("Who?", "a")])
    item = dataset.items.get()
    change_dataset(dataset=dataset, remove=[item.pk])

    with pytest.raises(DatasetError, match=f"has no item {item.pk} in its newest version"):
        change_dataset(dataset=dataset, remove=[item.pk])


@pytest.mark.django_db(transaction=True)
def test_changes_at_the_same_time_come_one_after_the_other():
    dataset = create_dataset(name="golden")
    errors = []

    def add(number):
        try:
            for part in range(5):
                change_dataset(dataset=dataset, add=[draft(f"Who is {number}.{part}?", "a"), draft("Who?", "b")])
        except Exception as exc:
            errors.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=add, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    close_old_connections()

    assert errors == []
    assert sorted(dataset.versions.values_list("number", flat=True)) == list(range(1, 21))
    assert dataset.items.current().count() == 21


def test_a_cluster_is_placed_by_a_hash_that_is_the_same_everywhere():
    ratios = Ratios()

    placed = [split_of(f"faq/{number}", salt="golden", ratios=ratios) for number in range(8)]

    assert placed == ["CALIBRATION", "TEST", "TEST", "TEST", "TEST", "TEST", "DEV", "DEV"]


def test_documents_are_shared_out_by_the_ratios():
    dataset = create_dataset(name="golden", ratios=Ratios(0.2, 0.7))

    change_dataset(dataset=dataset, add=[draft(f"What is {number}?", f"d{number}") for number in range(2000)])

    splits = list(splits_of(dataset).values())
    # 4 standard deviations of a binomial of 2,000
    assert 330 <= splits.count("DEV") <= 470
    assert 1318 <= splits.count("TEST") <= 1482


def test_what_a_document_is_asked_is_in_one_split_and_stays_there():
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft(f"What is {n}?", f"d{n % 40}") for n in range(120)])
    before = splits_of(dataset)

    change_dataset(dataset=dataset, add=[draft(f"Why is {n}?", f"d{n % 60}") for n in range(120)])

    after = splits_of(dataset)
    assert all(after[question] == split for question, split in before.items())
    clusters = {}
    for item in dataset.items.current():
        clusters.setdefault(item.cluster, set()).add(item.split)
    assert len(clusters) == 60
    assert all(len(splits) == 1 for splits in clusters.values())


def test_documents_that_a_question_needs_together_are_in_one_split():
    dataset = create_dataset(name="golden")

    change_dataset(
        dataset=dataset,
        add=[
            draft("One?", "a"),
            draft("Two?", "b"),
            draft("Three?", "c"),
            draft("All?", "c", "a"),
            draft("Both?", "b", "a"),
        ],
    )

    items = list(dataset.items.current())
    assert {item.cluster for item in items} == {"faq/a"}
    assert {item.split for item in items} == {split_of("faq/a", salt="golden", ratios=Ratios())}


def test_a_question_that_would_join_two_splits_is_not_added():
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft("One?", "a", split="DEV"), draft("Two?", "b", split="TEST")])

    change = change_dataset(dataset=dataset, add=[draft("Both?", "a", "b"), draft("Three?", "a")])

    assert [(conflict.draft.question, conflict.reason) for conflict in change.conflicts] == [
        ("Both?", "its documents are on both sides: one is in dev by the dataset, 'faq/b' in test by the dataset")
    ]
    assert splits_of(dataset) == {"One?": "DEV", "Two?": "TEST", "Three?": "DEV"}


def test_a_document_goes_back_to_its_split_when_its_questions_were_removed():
    dataset = create_dataset(name="golden")
    for split in ("DEV", "TEST", "CALIBRATION"):
        change_dataset(dataset=dataset, add=[draft(f"{split}?", split.lower(), split=split)])
    change_dataset(dataset=dataset, remove=dataset.items.values_list("pk", flat=True))

    change_dataset(
        dataset=dataset, add=[draft("A?", "dev"), draft("B?", "test"), draft("C?", "calibration", split="DEV")]
    )

    assert splits_of(dataset) == {"A?": "DEV", "B?": "TEST", "C?": "DEV"}


def test_questions_without_a_document_are_placed_by_their_words():
    dataset = create_dataset(name="golden")

    change_dataset(
        dataset=dataset,
        add=[draft(f"What is {number}?", is_answerable=False) for number in range(40)],
    )

    items = list(dataset.items.all())
    assert len({item.cluster for item in items}) == 40
    assert {item.split for item in items} == {"DEV", "TEST", "CALIBRATION"}


def full_dataset():
    """Return a dataset with all that an item can hold."""
    collection = make_collection(name="faq")
    for name in ("a", "b;c", "[d]"):
        make_document(collection=collection, source_id=name)
    dataset = create_dataset(name="golden")
    in_faq = {"collection_id": collection.pk}
    known = {name: Relevant(name, collection.documents.get(source_id=name).pk, "faq") for name in ("a", "b;c", "[d]")}
    change_dataset(
        dataset=dataset,
        add=[
            draft('He said "who,\npays?"', relevant=(known["a"],), expected_answer="=1+1;\r\n2", **in_faq),
            draft("Both?", relevant=(known["b;c"], known["[d]"]), tags=("a, b", "c;d"), **in_faq),
            draft(
                "Where?", relevant=(Relevant("a", known["a"].document_id, "faq", 3, 0, 5),), tags=("x", "y"), **in_faq
            ),
            draft("Then?", relevant=(known["a"],), history=({"question": "Who?", "answer": "You;"},), **in_faq),
            draft("On Mars?", is_answerable=False, cluster="faq/a", **in_faq),
            draft("Whence?", source=DatasetItem.Source.MODEL),
        ],
    )
    return dataset


def contents(dataset):
    return [
        (
            item.question, item.expected_answer, item.is_answerable, item.history, item.tags, item.collection,
            item.cluster, item.split, item.source, item.content_hash,
            list(item.relevant.values_list("source_id", "document", "relevance", "start", "end")),
        )
        for item in dataset.items.current().with_relevant()
    ]  # fmt: skip


@pytest.mark.parametrize("file_format", ["csv", "jsonl"])
def test_an_export_imports_to_the_same_items(file_format):
    dataset = full_dataset()

    data = "".join(export_items(dataset=dataset, file_format=file_format)).encode()
    report = import_items(dataset_name="copy", file_name=f"x.{file_format}", data=data, options=ImportOptions())

    assert report.problems == []
    assert contents(Dataset.objects.get(name="copy")) == contents(dataset)


def test_an_export_has_the_version_and_split_that_are_named(tmp_path):
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft("One?", "a", split="DEV"), draft("Two?", "b", split="TEST")])
    change_dataset(dataset=dataset, remove=[dataset.items.get(question="One?").pk], add=[draft("Three?", "b")])

    def exported(**options):
        out = io.StringIO()
        call_command("export_dataset", name="golden", stdout=out, **options)
        return out.getvalue().splitlines()

    header = "question,answer,document,relevance,span,collection,split,tags,unanswerable,history,cluster,item_source"
    assert exported() == [header, "Two?,,b,1,,,test,,,,faq/b,manual", "Three?,,b,1,,,test,,,,faq/b,manual"]
    assert exported(number=1, split="dev") == [header, "One?,,a,1,,,dev,,,,faq/a,manual"]
    call_command("export_dataset", "--name", "golden", "--version", "1", "--output", str(tmp_path / "x.jsonl"))
    assert [line[:19] for line in (tmp_path / "x.jsonl").read_text().splitlines()] == [
        '{"question": "One?"', '{"question": "Two?"',
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "silver"}, 'There is no dataset "silver"; known: golden.'),
        ({"name": "golden", "number": 7}, "golden has no version 7: its versions are 1 to 1."),
        (
            {"name": "golden", "output": Path("/nowhere/x.csv")},
            "/nowhere/x.csv cannot be written (No such file or directory).",
        ),
    ],
)
def test_an_export_that_cannot_be_says_why(options, error):
    change_dataset(dataset=create_dataset(name="golden"), add=[draft("One?", "a")])

    with pytest.raises(CommandError) as raised:
        call_command("export_dataset", **options)

    assert str(raised.value) == error


def test_an_export_of_many_items_takes_few_queries(django_assert_max_num_queries):
    dataset = create_dataset(name="golden")
    change_dataset(dataset=dataset, add=[draft(f"What is {number}?", "a") for number in range(300)])

    with django_assert_max_num_queries(5):
        lines = list(export_items(dataset=dataset, file_format="csv"))

    assert len(lines) == 300  # the header comes with the first


def turn_with_hits():
    collection = make_collection(name="faq")
    conversation = make_conversation(collection=collection)
    make_turn(conversation=conversation, question="Who asks?", answer="You.")
    turn = make_turn(conversation=conversation, question="And who pays?")
    document = make_document(("First.", "The office pays."), collection=collection, source_id="costs.md")
    for chunk in document.chunks.all():
        make_hit(turn=turn, chunk=chunk)
    return turn


def test_a_turn_becomes_an_item_with_history_and_spans():
    turn, dataset, author = turn_with_hits(), create_dataset(name="golden"), make_user()

    change = item_from_turn(
        dataset=dataset,
        turn=turn,
        expected_answer="The office.",
        relevant_hits=turn.hits.filter(rank=2),
        tags=["money"],
        author=author,
    )

    item = dataset.items.get()
    assert (change.added, change.version.created_by, change.version.note) == (1, author, f"From turn {turn.pk}.")
    assert (item.question, item.expected_answer, item.source, item.source_turn) == (
        "And who pays?", "The office.", "REVIEW", turn,
    )  # fmt: skip
    assert item.history == [{"question": "Who asks?", "answer": "You."}]
    assert (item.collection.name, item.cluster, item.tags) == ("faq", "faq/costs.md", ["money"])
    assert list(item.relevant.values_list("source_id", "start", "end")) == [("costs.md", 8, 24)]


def test_the_same_turn_again_changes_the_item():
    turn, dataset = turn_with_hits(), create_dataset(name="golden")
    item_from_turn(dataset=dataset, turn=turn, expected_answer="You.", relevant_hits=turn.hits.filter(rank=2))

    same = item_from_turn(dataset=dataset, turn=turn, expected_answer="You.", relevant_hits=turn.hits.filter(rank=2))
    other = item_from_turn(dataset=dataset, turn=turn, expected_answer="Me.", relevant_hits=turn.hits.filter(rank=2))

    assert (same.version, other.replaced) == (None, 1)
    assert dataset.items.current().get().expected_answer == "Me."

    item_from_turn(dataset=dataset, turn=turn, expected_answer="", is_answerable=False)

    assert dataset.items.current().get().is_answerable is False


def test_a_hit_whose_chunk_was_cut_anew_is_found_by_its_words():
    turn, dataset = turn_with_hits(), create_dataset(name="golden")
    hit = turn.hits.get(rank=2)
    hit.chunk.delete()
    hit.refresh_from_db()

    item_from_turn(dataset=dataset, turn=turn, relevant_hits=[hit])

    assert list(dataset.items.get().relevant.values_list("start", "end")) == [(8, 24)]


def test_a_hit_without_its_document_is_refused():
    turn, dataset = turn_with_hits(), create_dataset(name="golden")
    Collection.objects.get().documents.all().delete()

    with pytest.raises(DatasetError, match="The document of hit 1"):
        item_from_turn(dataset=dataset, turn=turn, relevant_hits=turn.hits.all())


def test_a_dataset_is_named_once():
    create_dataset(name="golden")

    with pytest.raises(DatasetError, match='There is a dataset "golden" already'):
        create_dataset(name="golden")

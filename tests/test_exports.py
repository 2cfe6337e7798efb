"""Turns as files: what is in them, in each format, of which turns, and how much memory that takes."""

import csv
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Conversation, Feedback, Hit, ImplicitSignal, LLMCall, Turn
from monitoring.exceptions import ExportError
from monitoring.exports.choice import read_choice
from monitoring.exports.records import Reader
from monitoring.exports.shape import SCHEMA, TURN
from monitoring.models import CorrectedAnswer, Flag, Review, ReviewItem, Score
from tests.exported import ASKED, export, lines_of, make_full_turns
from tests.factories import make_config, make_conversation, make_turn

pytestmark = pytest.mark.django_db
HANDBOOK = Path(__file__).resolve().parent.parent / "docs" / "exports.md"


def names_of(fields):
    for name, field in fields.items():
        yield name
        yield from names_of(field.fields or {})


def test_handbook_names_every_field():
    text = HANDBOOK.read_text()

    assert {name for name in names_of(TURN) if f"`{name}`" not in text} == set()
    assert f"`{SCHEMA}`" in text


def test_line_has_everything_of_a_turn(tmp_path):
    first, second, failed, _ = make_full_turns()

    lines = lines_of(export(tmp_path / "turns.jsonl", "--users", "names"))

    assert [line["id"] for line in lines] == [str(turn.pk) for turn in (first, second, failed)]
    line = lines[0]
    assert line["schema"] == "ragsite.turn/1"
    assert line["created_at"] == "2026-03-02T09:30:15.123456Z"
    assert line["user"]["name"] == "ada"
    assert line["config"] | {"name": "careful", "version": 3, "top_k": 7, "min_similarity": 0.25} == line["config"]
    assert [hit["document"] for hit in line["hits"]] == ["holiday.md", None]
    assert [call["purpose"] for call in line["calls"]] == ["answer"]
    assert line["calls"][0]["cost_usd"] == 0.00027
    assert line["feedback"][0]["comment"] == "=1+1 is not thirty"
    assert line["signals"][0]["kind"] == "COPY"
    assert [(score["source"], score["value"]) for score in line["scores"]] == [("JUDGE", 0.5), ("REVIEWER", 1.0)]
    assert line["scores"][0]["judge"]["settings"] == {"threshold": 0.5}
    assert [(call["model"], call["cost_usd"]) for call in line["judge_calls"]] == [("fake/judge", 0.0005)]
    assert lines[1]["replaces"] == line["id"]
    assert lines[1]["cost_usd"] is None  # unknown, not nothing
    assert lines[2]["error_code"] == "timeout"


def test_line_says_why_it_was_flagged_and_what_was_decided(tmp_path):
    make_full_turns()

    line, again, failed = lines_of(export(tmp_path / "turns.jsonl", "--users", "names"))

    item = line["conversation"]["review_item"]
    assert (item["status"], item["round"], item["reviews_wanted"], item["resolved_at"]) == ("OPEN", 2, 2, None)
    assert [(flag["reason"], flag["score"], flag["weight"]) for flag in line["flags"]] == [
        ("NOT_GROUNDED", 1, 1.0),
        ("SAMPLE", None, 20.0),
    ]
    assert [flag["settled_at"] is None for flag in line["flags"]] == [False, True]
    (review,) = line["reviews"]  # the one that is held is not decided
    assert (review["reviewer"]["name"], review["round"], review["is_dismissed"]) == ("rita", 1, False)
    assert review["labels"] == {"groundedness": "GROUNDED"}
    assert (review["correction"], review["note"]) == ("Thirty days, for adults.", "Thirty is for adults.")
    assert [(one["labels"], one["correction"], one["note"]) for one in again["reviews"]] == [
        (None, None, "Thirty is for adults.")
    ]
    assert (failed["conversation"]["review_item"], failed["flags"], failed["reviews"]) == (None, [], [])


def test_origins_never_mix(tmp_path):
    *_, other = make_full_turns()

    (line,) = lines_of(export(tmp_path / "turns.jsonl", "--origin", "API"))

    assert (line["id"], line["origin"]) == (str(other.pk), "API")


def test_without_texts_only_numbers_are_left(tmp_path):
    make_full_turns()

    content = export(tmp_path / "turns.jsonl", "--without-texts", "--users", "none").read_text()

    for text in (
        "days",
        "Thirty",
        "adults",
        "groundedness: PARTLY",
        "not thirty",
        "no source",
        "too long",
        "It was here",
        "Good morning",
        "ada",
        "rita",
    ):
        assert text not in content
    assert lines_of(tmp_path / "turns.jsonl")[0]["scores"][0]["value"] == 0.5


def test_users_have_numbers_alone_unless_names_are_asked_for(tmp_path):
    first, *_ = make_full_turns()

    line = lines_of(export(tmp_path / "turns.jsonl"))[0]

    assert line["user"] == {"id": first.conversation.user_id, "name": None}


def test_parquet_has_typed_columns_and_nested_lists(tmp_path):
    make_full_turns()

    table = pq.read_table(export(tmp_path / "turns.parquet", "--users", "names"))

    assert table.num_rows == 3
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("cost_usd").type) == "decimal128(14, 8)"
    row = table.to_pylist()[0]
    assert row["created_at"] == ASKED
    assert [hit["text"] for hit in row["hits"]] == ["Thirty days.", "It was here."]
    assert row["feedback"][0]["reasons"] == ["INACCURATE", "OTHER"]
    assert row["conversation"]["review_item"]["priority"] == 6.5
    assert row["reviews"][0]["labels"] == '{"groundedness": "GROUNDED"}'
    assert row["judge_calls"][0]["cost_usd"] == Decimal("0.0005")


def test_table_has_scores_as_columns_and_sums(tmp_path):
    make_full_turns()

    with export(tmp_path / "turns.csv", "--users", "names").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(rows) == 3
    row = rows[0]
    assert (row["user"], row["config"], row["cost_usd"]) == ("ada", "careful v3", "0.00027000")
    assert (row["score_groundedness"], row["label_groundedness"], row["review_groundedness"]) == (
        "0.5",
        "PARTLY",
        "1.0",
    )
    assert (row["calls"], row["input_tokens"], row["output_tokens"]) == ("1", "1000", "200")
    assert (row["thumbs_up"], row["thumbs_down"], row["copy_signals"]) == ("0", "1", "1")
    assert (row["flags"], row["waiting_flags"], row["queue_status"]) == ("NOT_GROUNDED; SAMPLE", "1", "OPEN")
    assert (row["reviews"], row["reviewers_notes"]) == ("1", "Thirty is for adults.")
    assert row["corrected_answer"] == "Thirty days, for adults."
    assert (row["judge_calls"], row["judge_cost_usd"]) == ("1", "0.00050000")
    assert (rows[2]["flags"], rows[2]["queue_status"], rows[2]["judge_calls"]) == ("", "", "0")
    assert row["documents"] == "Holiday; Gone" or row["documents"].endswith("Gone")
    assert rows[1]["cost_usd"] == ""


@pytest.mark.parametrize("text", ["=SUM(A1)", "+1", "-1+2", "@cmd", "\t=1", "\r=1", " =1"])
def test_cell_is_never_a_formula(tmp_path, text):
    make_turn(conversation=make_conversation(), question=text)

    with export(tmp_path / "turns.csv").open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)

    assert row["question"] == f"'{text}"


def test_filters_are_those_of_the_list_of_turns():
    first, second, failed, _ = make_full_turns()

    def found(**typed):
        return sorted(read_choice(typed).turns().values_list("pk", flat=True))

    assert found() == [first.pk, second.pk, failed.pk]
    assert found(outcome="failed") == [failed.pk]
    assert found(vote="down") == [first.pk]
    assert found(collection=str(first.collection_id)) == [first.pk, second.pk]
    assert found(since=(ASKED + timedelta(hours=1)).isoformat()) == [second.pk, failed.pk]
    assert found(until=(ASKED + timedelta(hours=1)).isoformat()) == [first.pk]
    Turn.objects.filter(pk=second.pk).update(import_key="17")
    Conversation.objects.filter(pk=second.conversation_id).update(import_source="the old site")
    assert found(imported="*") == found(imported="the old site") == [second.pk]
    assert found(imported="-") == [first.pk, failed.pk]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"since": "yesterday"}, "is no time"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "not before"),
        ({"origin": "NOBODY"}, "There are: USER, API"),
        ({"collection": "123456"}, "There is no collection 123456"),
        ({"vote": "maybe"}, "There are: up, down, none"),
        ({"imported": "acme"}, "There is no source of imports “acme”"),
        ({"colour": "red"}, "There is no filter colour"),
    ],
)
def test_filter_that_cannot_be_is_named(typed, message):
    with pytest.raises(ExportError, match=message):
        read_choice(typed)


def test_what_is_being_answered_is_left_out():
    make_turn(status=Turn.Status.STREAMING)

    assert not read_choice({}).turns().exists()


def test_turns_of_one_moment_are_each_read_once_in_batches_of_any_size():
    config, talk = make_config(), make_conversation()
    turns = [make_turn(config=config, conversation=talk) for _ in range(7)]
    Turn.objects.update(created_at=ASKED)

    batches = [records for records, _ in Reader(read_choice({}), batch_turns=2).batches()]

    assert [len(batch) for batch in batches] == [2, 2, 2, 1]
    assert [record["id"] for batch in batches for record in batch] == [str(turn.pk) for turn in turns]


def test_reading_takes_the_same_queries_for_any_batch_and_holds_one():
    config, talk = make_config(), make_conversation()
    for _ in range(6):
        make_turn(config=config, conversation=talk)
    batches = Reader(read_choice({}), batch_turns=3).batches()

    with CaptureQueriesContext(
        connection,
    ) as queries:
        records, _ = next(batches)

    assert len(records) == 3
    assert len(queries) <= 12
    assert all("LIMIT 3" in query["sql"] for query in queries if 'FROM "chat_turn"' in query["sql"])


def test_no_half_file_is_left_when_an_export_fails(tmp_path):
    folder = tmp_path / "nowhere"

    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_turns", str(folder / "turns.jsonl"))
    with pytest.raises(CommandError, match="There is no collection"):
        call_command("export_turns", str(tmp_path / "turns.jsonl"), "--collection", "None")

    assert list(tmp_path.iterdir()) == []


# Which say nothing of the answer, or are told in another way.
NOT_EXPORTED = {
    Turn: {"stop_requested_at", "heartbeat_at", "import_key", "conversation_id", "config_id", "collection_id"},
    Hit: {"id", "turn_id", "chunk_id", "document_id", "document_title"},
    LLMCall: {"id", "turn_id", "origin", "user_id", "is_imported"},
    Feedback: {"id", "turn_id", "user_id"},
    ImplicitSignal: {"id", "turn_id", "user_id"},
    Flag: {"id", "turn_id", "score_id"},
    Review: {"id", "item_id", "reviewer_id", "reserved_until"},
    ReviewItem: {"id", "conversation_id"},
    CorrectedAnswer: {"id", "review_id", "turn_id", "text"},
    Score: {"id", "turn_id", "conversation_id", "judge_version_id", "rule_id", "reviewer_id", "author_id", "retry_at"},
}
SHAPES = {
    Turn: set(TURN) | {"replaces_id"},
    Hit: set(TURN["hits"].fields),
    LLMCall: set(TURN["calls"].fields),
    Feedback: set(TURN["feedback"].fields),
    ImplicitSignal: set(TURN["signals"].fields),
    Score: set(TURN["scores"].fields),
    Flag: set(TURN["flags"].fields),
    Review: set(TURN["reviews"].fields),
    ReviewItem: set(TURN["conversation"].fields["review_item"].fields),
    CorrectedAnswer: set(),
}


@pytest.mark.parametrize("model", list(SHAPES), ids=lambda model: model.__name__)
def test_every_column_is_exported_or_left_out_on_purpose(model):
    columns = {field.attname for field in model._meta.concrete_fields}

    assert columns - SHAPES[model] - NOT_EXPORTED[model] == set()

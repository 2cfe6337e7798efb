"""Exports made by the worker: part by part, by one process at a time, cancelled, resumed and removed."""

import csv
import io
import json
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from django.utils import timezone
from django_q.models import OrmQ

from chat.models import Turn
from monitoring import tasks
from monitoring.exceptions import ExportError
from monitoring.exports import orders, working
from monitoring.exports.choice import read_choice
from monitoring.exports.records import Reader
from monitoring.exports.sending import file_of, size_of
from monitoring.models import Export
from monitoring.reviewing.deciding import decide
from monitoring.reviewing.verdict import Verdicts
from tests.exported import make_full_turns
from tests.factories import make_config, make_conversation, make_turn
from tests.review_rows import make_member, make_review_item, make_verdict

pytestmark = pytest.mark.django_db


def make_turns(number=5):
    config, talk = make_config(), make_conversation()
    return [make_turn(config=config, conversation=talk) for _ in range(number)]


def work_on(export, seconds):
    return working.work_on(export.pk, seconds, part_turns=2)


def content(export):
    export.refresh_from_db()
    return b"".join(file_of(export))


def ids_of(export):
    return [int(json.loads(line)["id"]) for line in content(export).splitlines()]


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "parquet"])
def test_worker_makes_the_file_that_the_command_makes(file_format):
    first, second, failed, _ = make_full_turns()
    export = orders.start_export(typed={}, file_format=file_format)

    assert work_on(export, 60) == "DONE"

    data = content(export)
    wanted = [str(turn.pk) for turn in (first, second, failed)]
    if file_format == "parquet":
        table = pq.read_table(io.BytesIO(data))
        assert table["id"].to_pylist() == wanted
        assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 2
    else:
        rows = (
            list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
            if file_format == "csv"
            else [json.loads(line) for line in data.splitlines()]
        )
        assert [row["id"] for row in rows] == wanted
        assert size_of(export) == len(data)
    assert (export.done_turns, export.total_turns, export.parts.count()) == (3, 3, 2)


def test_what_a_first_reviewer_said_is_left_out_until_the_second_has_decided():
    first, second = make_member("reviewer", username="first"), make_member("reviewer", username="second")
    turn, other = make_turn(), make_turn()
    make_verdict(turn=turn)
    item = make_review_item(turn, reviews_wanted=2)
    for of_turn, one in ((turn, item), (other, make_review_item(other))):
        decide(item=one, reviewer=first, verdicts=Verdicts(turns={of_turn.pk: {"relevance": "RELEVANT"}}))

    blind = exported()
    [(whole, _)] = Reader(read_choice({})).batches()
    decide(item=item, reviewer=second, verdicts=Verdicts(turns={turn.pk: {"relevance": "NON_RELEVANT"}}))

    assert [told(line) for line in blind] == [(0, ["JUDGE"]), (1, ["REVIEWER"])], "nobody else is to review the other"
    assert [told(line) for line in whole] == [(1, ["JUDGE", "REVIEWER"]), (1, ["REVIEWER"])], "the command tells all"
    assert [told(line) for line in exported()] == [(2, ["JUDGE", "REVIEWER", "REVIEWER"]), (1, ["REVIEWER"])]


def test_what_a_first_reviewer_says_while_an_export_is_read_is_left_out_too():
    first, turn = make_member("reviewer"), make_turn()
    item, reader = make_review_item(turn, reviews_wanted=2), Reader(read_choice({}), is_blind=True)

    rows = reader._rows(reader.choice.turns(), None)
    decide(item=item, reviewer=first, verdicts=Verdicts(turns={turn.pk: {"relevance": "RELEVANT"}}))

    assert [told(line) for line in reader._records(rows)] == [(0, [])]


def exported():
    """The lines of an export that is ordered now."""
    export = orders.start_export(typed={})
    work_on(export, 60)
    return [json.loads(line) for line in content(export).splitlines()]


def told(line):
    """How many reviews a turn tells, and who scored it."""
    return len(line["reviews"]), [score["source"] for score in line["scores"]]


def test_slice_that_is_over_goes_on_behind_its_last_part():
    turns = make_turns(5)
    export = orders.start_export(typed={})

    assert work_on(export, 0) == "QUEUED"
    make_turn(conversation=turns[0].conversation, config=turns[0].config)  # asked after the order
    assert tasks.export_turns(export.pk, seconds=0) == "QUEUED"
    assert OrmQ.objects.count() == 1  # for the rest
    assert tasks.export_turns(export.pk) == "DONE"

    assert ids_of(export) == [turn.pk for turn in turns]
    assert tasks.export_turns(export.pk) == "not free"


def test_killed_worker_s_export_is_taken_up_where_it_was():
    turns = make_turns(5)
    export = orders.start_export(typed={})
    work_on(export, 0)
    # as a process leaves it that was killed after its first part
    Export.objects.update(status="RUNNING", claim="6b1f6e0e-52a4-4b0c-9d8e-0b8f3a1d7c55", heartbeat_at=timezone.now())
    assert work_on(export, 60) is None  # it may live
    Export.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))

    assert orders.sweep_exports() == 1
    assert orders.sweep_exports() == 0
    assert work_on(export, 60) == "DONE"

    assert ids_of(export) == [turn.pk for turn in turns]


def test_process_that_another_one_took_over_from_writes_nothing_more():
    make_turns(5)
    export = orders.start_export(typed={})
    mine = Export.objects.filter(pk=export.pk, claim="6b1f6e0e-52a4-4b0c-9d8e-0b8f3a1d7c55")

    with pytest.raises(working.StoppedError):
        working._make(export, mine, float("inf"), 2)

    assert not export.parts.exists()


def test_what_kills_each_process_is_given_up():
    make_turns(1)
    export = orders.start_export(typed={})
    Export.objects.update(starts=working.MOST_STARTS)

    assert work_on(export, 60) == "FAILED"

    export.refresh_from_db()
    assert "processes died over it" in export.error


def test_cancelled_export_leaves_no_parts():
    make_turns(5)
    waiting, going = orders.start_export(typed={}), orders.start_export(typed={})
    work_on(going, 0)
    assert going.parts.exists()

    orders.cancel_export(export=waiting)
    Export.objects.filter(pk=going.pk).update(cancel_requested_at=timezone.now())
    assert work_on(going, 60) == "CANCELLED"

    assert work_on(waiting, 60) is None
    assert not going.parts.exists()
    going.refresh_from_db()
    with pytest.raises(ExportError, match="there is no file"):
        file_of(going)


def test_export_goes_after_a_week():
    make_turns(1)
    old, new = orders.start_export(typed={}), orders.start_export(typed={})
    for export in (old, new):
        work_on(export, 60)
    Export.objects.filter(pk=old.pk).update(finished_at=timezone.now() - timedelta(days=7, minutes=1))

    tasks.sweep()

    assert list(Export.objects.all()) == [new]


def test_order_waits_for_the_worker(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        export = orders.start_export(typed={"origin": "API"})

    (task,) = (task.task for task in OrmQ.objects.all())
    assert (task["func"], task["args"]) == (orders.TASK, (export.pk,))
    assert export.choice["origin"] == "API"
    assert export.choice["until"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"typed": {"vote": "maybe"}}, "There is no vote"),
        ({"typed": {}, "file_format": "xlsx"}, "There are: jsonl, csv, parquet"),
        ({"typed": {}, "users": "faces"}, "none, ids, names"),
    ],
)
def test_order_that_cannot_be_is_refused(options, message):
    with pytest.raises(ExportError, match=message):
        orders.start_export(**options)


def test_there_are_not_many_at_a_time():
    for _ in range(orders.MOST_OPEN):
        orders.start_export(typed={})

    with pytest.raises(ExportError, match="wait for one"):
        orders.start_export(typed={})


def test_parts_of_no_turns_make_an_empty_file():
    export = orders.start_export(typed={"vote": "down"}, file_format="parquet")

    assert work_on(export, 60) == "DONE"

    assert pq.read_table(io.BytesIO(content(export))).num_rows == 0
    assert Turn.objects.count() == 0

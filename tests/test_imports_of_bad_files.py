"""What people take for a log or an export: said at once what it is, or line by line, and nothing is lost."""

import gzip
import json
from datetime import timedelta
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from chat.models import Turn
from monitoring.exports.shape import TURN, Kind
from monitoring.imports import reading
from monitoring.imports.checking import checked
from monitoring.imports.fields import USUAL_NAMES
from monitoring.imports.reading import LineError
from monitoring.imports.traces import TraceReader
from tests.exported import export, make_full_turns, remove_all

pytestmark = pytest.mark.django_db
LINE = {"question": "When does it open?", "answer": "At nine.", "asked_at": "2026-03-02T09:30:00Z"}
TEXT = json.dumps(LINE)
# What a line may hold where something else was meant.
TIMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "2200-12-31T23:59:59Z",
    "1970-01-01",
    "24:00",
]
NUMBERS = [-1, 1.5, 0, 1, 2**31, 2**63, 10**400, -(10**400), 1e308, -1e308, 5e-324, 1e11, "1e999999", "NaN", "-0"]
ODD = [*TIMES, *NUMBERS, None, "", "?", "\x00", "\ud800", True, [], ["a"], [None], [{}], {}, {"a": ["b"]}]
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)) * 8


def write(folder: Path, data: bytes) -> str:
    file = folder / "acme.jsonl"
    file.write_bytes(data)
    return str(file)


@pytest.mark.parametrize("command", ["import_traces", "import_turns"])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b"\n \n", "is empty", id="blanks"),
        pytest.param(PICTURE, "is no text", id="picture"),
        pytest.param(gzip.compress(TEXT.encode()), "is compressed; unpack it first", id="compressed"),
        pytest.param(TEXT.encode("utf-16"), "save it as UTF-8", id="utf-16"),
        pytest.param(json.dumps([LINE]).encode(), "one object a line", id="list"),
        pytest.param(json.dumps([LINE], indent=2).encode(), "one object a line", id="list-of-lines"),
        pytest.param(json.dumps(LINE, indent=2).encode(), "one object a line", id="object-of-lines"),
        pytest.param(b"question,answer\nWhen?,At nine.\n", "it begins with “question,answer”", id="csv"),
        pytest.param("Fragen über Öffnungszeiten\n".encode("latin-1"), "is no JSONL", id="latin-1"),
    ],
)
def test_file_that_is_something_else_is_refused_whole(tmp_path, command, data, reason):
    with pytest.raises(CommandError, match=reason):
        call_command(command, write(tmp_path, data))

    assert not Turn.objects.exists()


def test_export_as_a_table_cannot_be_imported_and_that_is_said(tmp_path):
    make_full_turns()
    file = export(tmp_path / "turns.csv")
    remove_all()

    with pytest.raises(CommandError, match="it begins with “id,position"):
        call_command("import_turns", str(file))


def test_folder_is_no_file(tmp_path):
    with pytest.raises(CommandError, match="cannot be opened"):
        call_command("import_traces", str(tmp_path))


def test_line_in_another_encoding_costs_itself_alone(tmp_path, capsys):
    other = TEXT.replace("When does it open?", "Wann öffnet es?").encode("latin-1")

    with pytest.raises(CommandError, match="left out"):
        call_command("import_traces", write(tmp_path, TEXT.encode() + b"\n" + other + b"\n"))

    captured = capsys.readouterr()
    assert "Line 2: it is not UTF-8." in captured.err
    assert "1 turns imported, 0 already there, 1 left out." in captured.out


def test_line_of_ten_megabytes_is_imported(tmp_path):
    call_command("import_traces", write(tmp_path, json.dumps(LINE | {"answer": "Nine. " * 1_700_000}).encode()))

    assert len(Turn.objects.get().answer) == 10_200_000


def test_line_that_is_too_long_costs_itself_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reading, "LINE_MAX_BYTES", 2**20)
    long = json.dumps(LINE | {"answer": "x" * 3_000_000})
    fits = json.dumps(LINE | {"question": "And on Sundays?"})

    with pytest.raises(CommandError):
        call_command("import_traces", write(tmp_path, f"{TEXT}\n{long}\n{fits}\n".encode()))

    assert "Line 2: it is longer than 1 MB." in capsys.readouterr().err
    assert set(Turn.objects.values_list("question", flat=True)) == {LINE["question"], "And on Sundays?"}


@pytest.mark.parametrize(
    "asked_at",
    [
        "2026-03-02 09:30:00",
        "2026-03-02T10:30:00+01:00",
        "2026-03-02T09:30:00.000000000Z",
        "20260302T093000Z",
        1772443800,
        1772443800000,
    ],
)
def test_usual_times_are_read(tmp_path, asked_at):
    call_command("import_traces", write(tmp_path, json.dumps(LINE | {"asked_at": asked_at}).encode()))

    assert Turn.objects.get().created_at.isoformat() == "2026-03-02T09:30:00+00:00"


@pytest.mark.parametrize("asked_at", ["02.03.2026 09:30", "03/02/2026", "Mon, 02 Mar 2026 09:30:00 GMT", "soon", True])
def test_time_that_may_mean_two_is_refused_with_how_to_write_it(tmp_path, capsys, asked_at):
    with pytest.raises(CommandError):
        call_command("import_traces", write(tmp_path, json.dumps(LINE | {"asked_at": asked_at}).encode()))

    assert "write it as 2026-11-03T14:00:00Z" in capsys.readouterr().err


def fields_of(fields, path=()):
    """Yield each field of a shape with the way to it, the first of each list."""
    for name, one in fields.items():
        yield (*path, name), one
        if one.kind in (Kind.ONE, Kind.MANY):
            yield from fields_of(one.fields, (*path, name, 0) if one.kind is Kind.MANY else (*path, name))


FIELDS = dict(fields_of(TURN))


def sound(one):
    """Return a value that a field may have."""
    match one.kind:
        case Kind.TEXT:
            return TRACE if one.form else one.choices[0] if one.choices else "x"
        case Kind.COUNT | Kind.NUMBER | Kind.USD | Kind.PRICE:
            return int(one.choices[0]) if one.choices else one.least or 1
        case Kind.FLAG:
            return True
        case Kind.TIME:
            return "2026-03-02T09:30:00Z"
        case Kind.JSON:
            return [sound_record(one.fields)] if one.fields else {}
        case Kind.TEXTS:
            return []
    record = sound_record(one.fields)
    return record if one.kind is Kind.ONE else [record]


def sound_record(fields):
    return {name: sound(one) for name, one in fields.items()}


def is_storable(value, one):
    """Whether a page can show a value, and a report sum it."""
    match one.kind:
        case Kind.COUNT | Kind.NUMBER | Kind.USD | Kind.PRICE:
            return -(10**12) <= value <= 10**12
        case Kind.TIME:
            return 1970 <= value.year <= 2200 and value.utcoffset() == timedelta(0)
        case Kind.TEXT:
            return "\x00" not in value and value.encode().decode() == value
    return json.dumps(value, default=str) != ""


def test_line_that_is_sound_is_taken():
    assert checked(sound_record(TURN), TURN)["traceparent"] == TRACE


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_odd_value_of_any_field_can_be_shown_and_summed_or_is_refused(value):
    for path in FIELDS:
        assert_sound_or_refused(path, value)


@given(path=st.sampled_from(list(FIELDS)), value=odd_values)
def test_any_value_of_any_field_can_be_shown_and_summed_or_is_refused(path, value):
    assert_sound_or_refused(path, value)


def assert_sound_or_refused(path, value):
    line = sound_record(TURN)
    reduce(getitem, path[:-1], line)[path[-1]] = value
    try:
        found = reduce(getitem, path, checked(line, TURN))
    except LineError as error:
        assert str(error)
    else:
        assert found is None or is_storable(found, FIELDS[path]), path


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_odd_value_in_a_log_is_read_or_refused(value):
    for names in USUAL_NAMES.values():
        read_or_refuse({names[0]: value})


@given(st.dictionaries(st.sampled_from([name for names in USUAL_NAMES.values() for name in names]), odd_values))
def test_any_line_of_a_log_is_read_or_refused(line):
    read_or_refuse(line)


def read_or_refuse(values):
    try:
        TraceReader(source="acme").read(LINE | {"duration_seconds": 5} | values)
    except LineError as error:
        assert str(error)

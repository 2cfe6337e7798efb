"""What people take for a log or an export: said at once what it is, or line by line, and nothing is lost."""

import gzip
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from chat.models import Turn
from monitoring.imports import reading
from tests.exported import export, make_full_turns, remove_all

pytestmark = pytest.mark.django_db
LINE = {"question": "When does it open?", "answer": "At nine.", "asked_at": "2026-03-02T09:30:00Z"}
TEXT = json.dumps(LINE)
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

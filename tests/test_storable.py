"""Text from outside as PostgreSQL stores it."""

import pytest

from chat.storable import StorablePieces, storable


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("Press it.", "Press it."),
        ("Käse \U0001f600 \ufffd \ufeff", "Käse \U0001f600 \ufffd \ufeff"),
        ("Press\x00 it.\x00", "Press it."),
        ("so \ud83d far", "so \ufffd far"),
        ("so \ude00 far\ud83d", "so \ufffd far\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\ude00\ud83d", "\ufffd\ufffd"),
        ("\ud83d\x00\ude00", "\U0001f600"),
    ],
)
def test_what_cannot_be_stored_is_left_out_or_replaced(text, stored):
    assert storable(text) == stored


@pytest.mark.parametrize(
    ("pieces", "given_out"),
    [
        (("so ", "\ud83d", "\ude00 it is"), ["so ", "", "\U0001f600 it is"]),
        (("so \ud83d", "\x00", "\ude00"), ["so ", "", "\U0001f600"]),
        (("so \ud83d", " it is"), ["so ", "\ufffd it is"]),
        (("\ud83d", "\ud83d", "\ude00"), ["", "\ufffd", "\U0001f600"]),
        (("\ude00", "a\x00"), ["\ufffd", "a"]),
        (("\x00", ""), ["", ""]),
    ],
)
def test_pieces_may_cut_a_character_in_two(pieces, given_out):
    text = StorablePieces()

    assert [text.feed(piece) for piece in pieces] == given_out
    assert text.flush() == ""


def test_half_a_character_at_the_end_is_a_broken_one():
    text = StorablePieces()

    assert text.feed("so \ud83d") == "so "
    assert [text.flush(), text.flush()] == ["\ufffd", ""]

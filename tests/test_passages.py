"""Pieces of Markdown that can be quoted: whole sentences, and what belongs to them."""

from chat.rag.passages import BLOCK_MAX_CHARS, split_pieces


def texts(markdown):
    return [piece.text for piece in split_pieces(markdown)]


def test_sentences_are_told_apart():
    assert texts('It starts. "Really?" Yes! It takes 3.5 s, e.g. on Debian 13. See Fig. 2 or docs.') == [
        "It starts.",
        '"Really?"',
        "Yes!",
        "It takes 3.5 s, e.g. on Debian 13.",
        "See Fig. 2 or docs.",
    ]


def test_a_wrapped_line_goes_on_and_a_short_line_ends():
    wrapped = "This sentence was wrapped by the editor of its author after so many characters\nBut goes on. The end."
    lines = "Run the command\nDocker ps\nthen wait"

    assert texts(wrapped) == [wrapped.removesuffix(" The end."), "The end."]
    assert [(piece.before, piece.text) for piece in split_pieces(lines)] == [
        ("\n\n", "Run the command"),
        ("  \n", "Docker ps\nthen wait"),
    ]


def test_a_list_belongs_to_the_sentence_before_it():
    assert texts("Intro. Do this:\n\n1. Stop.\n2. Start.\n\nDone.") == [
        "Intro.",
        "Do this:\n\n1. Stop.\n2. Start.",
        "Done.",
    ]


def test_a_code_block_belongs_to_the_sentence_before_it():
    assert texts("Run:\n```sh\n# comment\nmake run\n```\nDone.") == ["Run:\n\n```sh\n# comment\nmake run\n```", "Done."]


def test_headings_are_context_and_no_pieces():
    pieces = split_pieces("# Install\n\nRun it.\n\n## Linux\n\n- One\n- Two")

    assert [(piece.heading, piece.text) for piece in pieces] == [("Install", "Run it."), ("Linux", "- One\n- Two")]


def test_a_table_is_kept_whole():
    table = "| a | b |\n|---|---|\n| 1 | 2 |"

    assert texts(table) == [table]


def test_a_long_list_is_taken_item_by_item():
    items = [f"- Item {number} " + "word " * 20 for number in range(10)]

    assert texts("Intro:\n\n" + "\n".join(items)) == ["Intro:", *(item.rstrip() for item in items)]


def test_a_long_code_block_is_cut_and_closed():
    (piece,) = texts("```\n" + "line of code\n" * 100 + "```")

    assert piece.endswith("line of code\n…\n```")
    assert len(piece) < BLOCK_MAX_CHARS + 10


def test_a_code_block_that_the_chunk_cuts_off_is_closed():
    assert texts("~~~\nmake run\nmake test") == ["~~~\nmake run\nmake test\n~~~"]


def test_dashes_under_a_line_make_no_heading():
    assert texts("Error log\n---------\nIt failed.")[0] == "Error log"


def test_chinese_sentences_are_told_apart():
    assert texts("今天下雨。明天晴天。") == ["今天下雨。", "明天晴天。"]


def test_nothing_gives_nothing():
    assert texts("") == []
    assert texts("# Only a heading\n\n---\n") == []

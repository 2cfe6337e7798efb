"""Cutting documents into chunks."""

import random

import pytest
from tokenizers import Tokenizer

from chat.rag.chunk import chunk, embedding_text
from chat.rag.minilm import find_model_dir

WORDS = [
    "alpha",
    "beta",
    "gamma",
    "naïve",
    "東京",
    "co-op",
    "3.14",
    "x_y",
    "https://example.org/a?b=c",
    "😀",
    "🇦🇹",
    "e.g.",
]


def random_markdown(seed):
    """Some Markdown of all kinds of blocks, with odd spacing."""
    dice = random.Random(seed)

    def words(most):
        return " ".join(dice.choice(WORDS) for _ in range(dice.randint(1, most)))

    def block():
        kind = dice.randrange(8)
        if kind == 0:
            return f"{'#' * dice.randint(1, 6)} {words(6)}"
        if kind == 1:
            return f"{words(4)}\n{dice.choice('=-') * 5}"
        if kind == 2:
            return "```sh\n" + "\n".join(f"# {words(8)}" for _ in range(dice.randint(1, 60))) + "\n```"
        if kind == 3:
            return "| a | b |\n|---|---|\n" + "\n".join(
                f"| {words(5)} | {words(5)} |" for _ in range(dice.randint(1, 40))
            )
        if kind == 4:
            return "\n".join(f"{'  ' * dice.randrange(3)}- {words(20)}" for _ in range(dice.randint(1, 20)))
        if kind == 5:
            return dice.choice(["", " \t", "***", "> " + words(30), "~~~", "#", "x" * 900, "\u00a0", "\u2028"])
        return ". ".join(words(25) for _ in range(dice.randint(1, 30))) + "."

    return ("\n" * dice.randint(1, 4)).join(block() for _ in range(dice.randint(0, 25)))


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = Tokenizer.from_file(str(find_model_dir() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.mark.parametrize("seed", range(60))
def test_chunks_are_spans_that_cover_the_text_and_fit_the_embedder(seed, tokenizer):
    text = random_markdown(seed)

    chunks = chunk(text, title="A title", heading_path="Handbook")

    end = 0
    for position, piece in enumerate(chunks):
        assert piece.position == position
        assert text[piece.start : piece.end] == piece.text
        assert piece.text.strip()
        assert not text[end : piece.start].strip(), "text between chunks is lost"
        tokens = tokenizer.encode(embedding_text("A title", piece.heading_path, piece.text)).ids
        assert len(tokens) <= 256
        end = piece.end
    assert not text[end:].strip(), "text behind the last chunk is lost"


def test_text_without_anything_has_no_chunks():
    assert chunk(" \n\n\t", title="x") == []


def test_short_text_is_one_chunk():
    (piece,) = chunk("On Monday.", title="When?", heading_path="Dates")

    assert (piece.position, piece.start, piece.end, piece.heading_path) == (0, 0, 10, "Dates")


def test_chunk_knows_the_headings_above_it():
    text = (
        "# Handbook\n\nIntro.\n\n## Install\n\n### On [Linux](https://x.org) ###\n\nRun `make`.\n\n"
        "```sh\n# not a heading\n```\n\nOther\n-----\n\nText.\n\n# Appendix\n\nEnd."
    )

    chunks = chunk(text, title="Handbook")

    assert [(piece.heading_path, piece.text[:20]) for piece in chunks] == [
        ("", "# Handbook\n\nIntro."),
        ("Install > On Linux", "## Install\n\n### On ["),
        ("Other", "Other\n-----\n\nText."),
        ("Appendix", "# Appendix\n\nEnd."),
    ]
    assert "# not a heading" in chunks[1].text


def test_record_is_not_cut_at_lines_that_look_like_headings():
    text = "Install it:\n\n# with pip\npip install x\n\n# or with conda\nconda install x\n\nOr\n---\nask."

    (piece,) = chunk(text, title="How?", heading_path="Setup", has_headings=False)

    assert (piece.text, piece.heading_path) == (text, "Setup")


def test_long_section_is_cut_into_parts_of_like_size_outside_of_code():
    code = "```python\n" + "\n".join(f"value_{n} = {n}" for n in range(20)) + "\n```"
    prose = " ".join(f"Sentence number {n} says something about the matter." for n in range(25))

    chunks = chunk(f"{prose}\n\n{code}\n\n{prose}", title="Long")

    (with_code,) = [piece.text for piece in chunks if "```" in piece.text]
    assert code in with_code
    assert min(len(piece.text) for piece in chunks) > 200


def test_chunk_changes_its_hash_with_title_heading_or_text():
    hashes = {
        chunk(text, title=title, heading_path=path)[0].content_hash
        for text, title, path in [("a", "t", "h"), ("b", "t", "h"), ("a", "u", "h"), ("a", "t", "i")]
    }

    assert len(hashes) == 4
    assert chunk("a", title="t", heading_path="h")[0].content_hash in hashes


def test_very_long_title_leaves_room_for_text():
    chunks = chunk("word " * 500, title="title " * 80)

    assert all(len(piece.text) > 150 for piece in chunks)


def test_embedding_text_does_not_repeat_the_heading():
    assert embedding_text("Guide", "Install", "## Install\n\nRun make.") == "Guide\nInstall\nRun make."
    assert (
        embedding_text("Guide", "A > Install", "# Guide\n\n## A\n\n### Install\n\nRun.") == "Guide\nA > Install\nRun."
    )
    assert embedding_text("Guide", "", "# Only a heading") == "Guide\n# Only a heading"
    assert embedding_text("How?", "Setup", "# pip\npip install x") == "How?\nSetup\n# pip\npip install x"
    assert embedding_text("When?", "", "On Monday.") == "When?\nOn Monday."
    assert embedding_text("", "", "") == ""


@pytest.mark.parametrize("piece", ["a", "# ", "```\n", "[(", "> ", "|x|y|\n", "中文"])
def test_hostile_text_does_not_take_forever(piece):
    chunks = chunk(piece * 50_000, title="x")

    assert max(len(part.text) for part in chunks) <= 2048

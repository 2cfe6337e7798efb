"""Citations: what is kept, what is removed and counted, and that it makes no difference how the text comes in."""

import random

import pytest

from chat.rag.citations import CitationFilter, clean_citations


@pytest.mark.parametrize(
    ("text", "cleaned", "cited", "removed"),
    [
        ("Yes [1].", "Yes [1].", (1,), 0),
        ("Yes[1].", "Yes[1].", (1,), 0),
        ("Yes [3, 1].", "Yes [3][1].", (3, 1), 0),
        ("Yes [2; 3].", "Yes [2][3].", (2, 3), 0),
        ("Yes [1][2].", "Yes [1][2].", (1, 2), 0),
        ("Yes [1-3].", "Yes [1][2][3].", (1, 2, 3), 0),
        ("Yes [1\u20132] and [ 3 ].", "Yes [1][2] and [3].", (1, 2, 3), 0),
        ("Yes [2, 2].", "Yes [2].", (2,), 0),
        ("Yes [4].", "Yes.", (), 1),
        ("Yes [1, 9].", "Yes [1].", (1,), 1),
        ("Yes [2-9].", "Yes [2][3].", (2, 3), 1),
        ("Yes [7-9] [8] [1].", "Yes [1].", (1,), 2),
        ("Yes [0].", "Yes.", (), 1),
        ("[9]", "", (), 1),
        ("ends in [1]", "ends in [1]", (1,), 0),
        ("ends in [9]  ", "ends in  ", (), 1),
        ("[[1]]", "[[1]]", (1,), 0),
    ],
)
def test_citations_are_kept_by_whether_the_hit_exists(text, cleaned, cited, removed):
    answer = clean_citations(text, 3)

    assert (answer.text, answer.cited_ranks, answer.removed) == (cleaned, cited, removed)


@pytest.mark.parametrize(
    "text",
    [
        "See [1](https://example.com/9).",
        "In the year [2024] nothing.",
        "A footnote [^9], a task - [ ] and [x], a word [see 9].",
        "Use `list[9]` and ``a ` [9]`` here.",
        "argv[0] is the program.",
        "```python\nx = y[9]\nz = [9]\n```",
        "1. Step:\n   ```\n   [9]\n   ```\n",
        "> ~~~\n> [9]\n> ~~~\n",
        "````\n```\n[9]\n```\n[9]\n````",
        "```\nnever closed [9]\n\n[9]",
        "an unfinished [1",
        "an unfinished [",
        "[1,]",
        "spaces at the end  ",
    ],
)
def test_what_is_no_citation_is_left_alone(text):
    answer = clean_citations(text, 3)

    assert (answer.text, answer.cited_ranks, answer.removed) == (text, (), 0)


def test_citations_after_code_count_again():
    text = "```\n[9]\n```\nThen [9] this [1], `[9]` and ```x``` [2]."

    answer = clean_citations(text, 2)

    assert answer.text == "```\n[9]\n```\nThen this [1], `[9]` and ```x``` [2]."
    assert (answer.cited_ranks, answer.removed) == ((1, 2), 1)


def test_a_span_on_one_line_that_begins_like_a_block_is_a_span():
    assert clean_citations("```x[9]``` then [9]\n[1]", 1).text == "```x[9]``` then\n[1]"


def test_a_code_span_that_is_never_closed_ends_with_its_line():
    assert clean_citations("a ` [9]\nb [9]", 1).text == "a ` [9]\nb"


def test_only_the_undecided_tail_is_held_back():
    citations = CitationFilter(2)

    assert citations.feed("A sentence") == "A sentence"
    assert citations.feed(" [") == ""
    assert citations.feed("2]") == ""
    assert citations.feed(".") == " [2]."
    assert citations.feed(" [9]") == ""
    assert citations.end() == ""
    assert (citations.cited_ranks, citations.removed) == ((2,), 1)


PIECES = [*"[]( \n`01,->", "[1]", "[9]", "[1, 2]", "[1-3]", "``", "```", "~~~", "word"]


@pytest.mark.parametrize("seed", range(20))
def test_any_split_gives_the_same_answer(seed):
    chance = random.Random(seed)
    text = "".join(chance.choices(PIECES, k=400))
    whole = clean_citations(text, 2)

    citations, parts, rest = CitationFilter(2), [], text
    while rest:
        size = chance.randint(1, 6)
        parts.append(citations.feed(rest[:size]))
        rest = rest[size:]
    parts.append(citations.end())

    assert "".join(parts) == whole.text
    assert (citations.cited_ranks, citations.removed) == (whole.cited_ranks, whole.removed)


@pytest.mark.parametrize("seed", range(5))
def test_a_cleaned_answer_is_clean(seed):
    text = "".join(random.Random(seed).choices(["[1]", "[9]", "[1, 9]", " ", "word", "\n", ". ", "[2-4]"], k=400))

    cleaned = clean_citations(text, 2)

    assert clean_citations(cleaned.text, 2).text == cleaned.text
    assert clean_citations(cleaned.text, 2).removed == 0

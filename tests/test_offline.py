"""The answerer without a model: what it quotes, how it cites, and that it says so."""

import asyncio
import time
from pathlib import Path

import pytest
from django.conf import settings

from chat.rag.citations import clean_citations
from chat.rag.config import Hit
from chat.rag.embed import LOCAL_NAME
from chat.rag.embedders import get_embedder
from chat.rag.offline import (
    ANSWER_MAX_CHARS,
    ANSWER_MAX_QUOTES,
    INTRODUCTION,
    extract_answer,
    nothing_found_text,
    stream_extract,
)


def make_hit(rank, text, title="Notes", heading_path=""):
    return Hit(
        rank=rank,
        score=1 / rank,
        chunk_id=rank,
        document_id=rank,
        document_title=title,
        heading_path=heading_path,
        text=text,
    )


HITS = [
    make_hit(
        1,
        "The library was founded in 1902. Its garden is open to all.\n\n"
        "Books can be borrowed for four weeks. A loan can be renewed twice, unless somebody waits for the book. "
        "The cafe serves soup at noon.",
        title="About the library",
    ),
    make_hit(2, "Bring your card and a proof of address.", title="How do I get a library card?"),
    make_hit(3, "The parking garage closes at ten in the evening.", title="Parking"),
]


@pytest.fixture(scope="module")
def embedder():
    return get_embedder(LOCAL_NAME, cache_dir=Path(settings.MODEL_CACHE_DIR), providers={})


def collect(texts):
    async def gather():
        return [text async for text in texts]

    return asyncio.run(gather())


def test_the_answering_sentence_is_quoted_with_its_citation_and_the_answer_says_so():
    answer = extract_answer("How long can I borrow a book?", HITS)

    assert answer.text.startswith(f"{INTRODUCTION}\n\n> ")
    assert "Books can be borrowed for four weeks." in answer.text
    assert "[1]" in answer.text
    assert 1 in answer.cited_ranks
    assert "parking" not in answer.text


def test_a_faq_answer_is_found_by_its_title():
    answer = extract_answer("How do I get a card?", HITS[1:])

    assert "> Bring your card and a proof of address. [2]" in answer.text


def test_meaning_finds_what_shares_no_word(embedder):
    hits = [make_hit(1, "The red door is at the back. Dogs must stay outside. The lift holds four. Lunch is at noon.")]
    question = "Are pets allowed inside?"
    vector = embedder.embed_query(question).vector

    by_meaning = extract_answer(
        question, hits, query_vector=vector, embed=lambda texts: embedder.embed_documents(texts).vectors
    )

    assert "Dogs must stay outside." in by_meaning.text


def test_a_list_comes_whole_and_its_citation_after_it():
    text = "To start:\n\n1. Install it.\n2. Run `make run`.\n\nUnrelated words end it."

    answer = extract_answer("How do I start?", [make_hit(1, text)])

    assert "> To start:\n>\n> 1. Install it.\n> 2. Run `make run`.\n" in answer.text
    assert "`make run`. [1]" not in answer.text


def test_code_comes_whole_and_its_citation_outside():
    text = "Start it so:\n\n```sh\nmake run [1]\n\nmake test\n```"

    answer = extract_answer("How do I start it?", [make_hit(1, text)])

    assert answer.text.endswith("> Start it so:\n>\n> ```sh\n> make run [1]\n>\n> make test\n> ```\n>\n> [1]")
    assert clean_citations(answer.text, 1).text == answer.text


def test_numbers_in_brackets_of_the_document_are_no_citations():
    answer = extract_answer(
        "What did the study show?", [make_hit(1, "The study [7, 8] showed that it works `[9]` well.")]
    )

    cleaned = clean_citations(answer.text, 1)

    assert cleaned.text == answer.text
    assert (cleaned.cited_ranks, cleaned.removed) == ((1,), 0)


def test_an_open_code_span_does_not_swallow_the_citation():
    answer = extract_answer("What broke?", [make_hit(1, "The command ` broke.")])

    assert clean_citations(answer.text, 1).cited_ranks == (1,)


def test_quotes_stay_within_bounds_in_the_order_of_hits_and_text():
    sentence = "The answer number {} is about the borrowing of books in the library and the borrowing of films too."
    hits = [
        make_hit(rank, "\n\n".join(sentence.format(f"{rank}.{part}") for part in range(8)), title="Borrowing books")
        for rank in range(1, 6)
    ]

    answer = extract_answer("What about borrowing books in the library?", hits)

    body = answer.text.removeprefix(INTRODUCTION)
    numbers = [float(part.split()[0]) for part in body.split("The answer number ")[1:]]
    assert numbers == sorted(numbers)
    assert len(body) < ANSWER_MAX_CHARS * 1.1
    assert body.count("\n\n> ") <= ANSWER_MAX_QUOTES


def test_the_same_text_in_two_hits_is_quoted_once():
    hits = [make_hit(1, "Loans last four weeks."), make_hit(2, "Loans last four weeks.")]

    answer = extract_answer("How long do loans last?", hits)

    assert answer.text.count("Loans last four weeks.") == 1
    assert answer.cited_ranks == (1,)


@pytest.mark.parametrize("question", ["", "???", "What is it?", "借りる"])
def test_a_question_without_known_words_gets_the_best_hit(question):
    answer = extract_answer(question, HITS)

    assert answer.cited_ranks[0] == 1


def test_hits_without_text_answer_that_nothing_was_found():
    answer = extract_answer("How do I start?", [make_hit(1, "# Only a heading")])

    assert answer.text == nothing_found_text("How do I start?")
    assert answer.cited_ranks == ()


def test_nothing_found_says_so_and_what_to_do():
    assert "do not answer this question" in nothing_found_text("How do I boil an egg?")
    assert "another collection" in nothing_found_text("How do I boil an egg?")
    assert "whole sentence" in nothing_found_text("egg")


def test_it_streams_the_same_answer_in_small_pieces(embedder):
    question = "How long can I borrow a book?"
    vector = embedder.embed_query(question).vector.tolist()
    started = time.perf_counter()

    deltas = collect(stream_extract(question, HITS, embedder, vector))

    assert time.perf_counter() - started < 2
    assert len(deltas) > 5
    whole = extract_answer(
        question, HITS, query_vector=vector, embed=lambda texts: embedder.embed_documents(texts).vectors
    )
    assert "".join(deltas) == whole.text


def test_without_a_vector_it_streams_by_words_alone(embedder):
    deltas = collect(stream_extract("How long can I borrow a book?", HITS, embedder, None))

    assert "".join(deltas) == extract_answer("How long can I borrow a book?", HITS).text

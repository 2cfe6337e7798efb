"""Measures of answers: values by hand, and why there is none."""

import pytest

from chat.rag.embed import Embedded
from chat.rag.offline import INTRODUCTION, nothing_found_text
from monitoring.evaluation.measures.answer_similarity import answer_similarity
from monitoring.evaluation.measures.answers import AnsweredItem
from monitoring.evaluation.measures.citation_accuracy import citation_accuracy
from monitoring.evaluation.measures.refusal import refusal_correct
from monitoring.evaluation.measures.registry import ANSWER_MEASURES, MEASURES, RETRIEVAL_MEASURES, measure_answers
from monitoring.evaluation.measures.rouge import rouge_1, rouge_2, rouge_l
from monitoring.judges.answer_text import is_refusal, said_text
from monitoring.judges.similarity import text_similarities
from tests.vectors import TableEmbedder

NO_EXPECTATION = "The item has no expected answer."
ON_PURPOSE = "Nothing in the documents answers the question, on purpose."


def make_item(answer="Yes.", **overrides):
    return AnsweredItem(answer=answer, **overrides)


def test_similarity_is_the_cosine_of_answer_and_expected_answer():
    embedder = TableEmbedder({"near": [0.6, 0.8], "same": [1, 0], "against": [-1, 0], "expected": [1, 0]})
    items = [make_item(answer, expected_answer="expected") for answer in ("near [1].", "same", "against")]
    items[0] = make_item("near [1]", expected_answer="expected")

    measured = answer_similarity(items, embedder)

    assert [one.value for one in measured] == [pytest.approx(0.6), pytest.approx(1.0), 0.0]
    assert embedder.batches == [["near", "expected", "same", "against"]]


def test_similarity_without_expectation_or_answer():
    measured = answer_similarity(
        [
            make_item("Yes."),
            make_item("Yes.", expected_answer="It says so.", is_answerable=False),
            make_item(" ", expected_answer="Yes."),
        ],
        TableEmbedder({}),
    )

    assert [(one.value, one.error) for one in measured] == [(None, NO_EXPECTATION), (None, ON_PURPOSE), (0.0, "")]


def test_no_pairs_ask_no_embedder():
    assert text_similarities([], TableEmbedder({})) == []


def test_rouge_by_hand():
    # 4 of 6 words are shared; of 5 pairs "the cat", "the mat"; the longest common sequence is "the cat the mat".
    item = make_item("The cat lay by the mat [1].", expected_answer="the cat sat on the mat")

    assert rouge_1(item).value == pytest.approx(4 / 6)
    assert rouge_2(item).value == pytest.approx(2 / 5)
    assert rouge_l(item).value == pytest.approx(4 / 6)


def test_rouge_stems_words():
    assert rouge_1(make_item("files started", expected_answer="file starting")).value == 1.0


def test_rouge_cannot_always_be_computed():
    assert rouge_l(make_item("Yes.")).error == NO_EXPECTATION
    assert rouge_l(make_item("Yes.", expected_answer="No", is_answerable=False)).error == ON_PURPOSE
    assert "Latin" in rouge_l(make_item("今天下雨。", expected_answer="今天下雨。")).error
    assert rouge_l(make_item("", expected_answer="Yes.")).value == 0.0


@pytest.mark.parametrize(
    ("is_answerable", "nothing_found", "answer", "value"),
    [
        (False, True, "anything", 1.0),
        (False, False, "I don't know.", 1.0),
        (False, False, "It opens at six [1].", 0.0),
        (True, False, "It opens at six [1].", 1.0),
        (True, False, "I don't know.", 0.0),
        (True, True, "anything", 0.0),
    ],
)
def test_refusing_is_right_where_nothing_answers(is_answerable, nothing_found, answer, value):
    item = make_item(answer, is_answerable=is_answerable, nothing_found=nothing_found)

    assert refusal_correct(item).value == value


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "I don\u2019t know.",
        "I'm sorry, but I cannot answer that from the documents.",
        "The sources do not mention any opening hours.",
        "The answer is not explicitly provided in the given context. Please ask something else.",
        "There are no prerequisites mentioned in the provided context [2].",
        "I am unable to find a direct answer in the documents.",
        "Das wei\u00df ich leider nicht.",
        "Die Dokumente enthalten dazu keine Angaben.",
        nothing_found_text("Where is it?"),
    ],
)
def test_what_is_a_refusal(answer):
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "No, you cannot download it.",
        "If you do not have Docker, install it first.",
        "The system cannot find the file because the document root is wrong.",
        "No, there is no setting mentioned in the documents. Instead, use curl [1].",
        "The sources do not say when it closes. " + "It opens at six, and the caf\u00e9 at seven [1]. " * 8,
        "I know that it opens at six.",
        "Based on the context, it is recommended to use Python 3.10.",
    ],
)
def test_what_is_no_refusal(answer):
    assert not is_refusal(answer)


def test_the_form_of_an_answer_is_not_what_it_says():
    quoted = f"{INTRODUCTION}\n\n> It opens at six. [1]\n\n> It closes at [eight](https://example.com/8). [2]"

    assert said_text(quoted) == "It opens at six.\n\nIt closes at [eight](https://example.com/8)."
    assert said_text("Use a[0] [1][2].") == "Use a[0]."


def test_citations_of_relevant_documents_are_right():
    item = make_item("It is so [1][3]. And so [2]. Again [1].", hit_documents=(7, 8, 9), relevant_documents={7, 9})

    measured = citation_accuracy(item)

    assert measured.value == pytest.approx(2 / 3)
    assert measured.explanation == "Of other documents: [2]."


@pytest.mark.parametrize(
    ("answer", "overrides", "error"),
    [
        ("It is so.", {"hit_documents": (7,), "relevant_documents": {7}}, "The answer cites nothing."),
        ("It is so [1].", {"hit_documents": (7,)}, "The item names nothing that is relevant."),
        ("It is so [1].", {"hit_documents": (7,), "relevant_documents": {7}, "is_answerable": False}, ON_PURPOSE),
        ("It is so [4].", {"hit_documents": (7,), "relevant_documents": {7}}, "The answer cites nothing."),
    ],
)
def test_citations_cannot_always_be_judged(answer, overrides, error):
    measured = citation_accuracy(make_item(answer, **overrides))

    assert (measured.value, measured.error) == (None, error)


def test_all_measures_of_many_answers_at_once():
    embedder = TableEmbedder({"Yes.": [1, 0], "No.": [0, 1]})
    items = [make_item("Yes.", expected_answer="Yes."), make_item("Yes.", expected_answer="No."), make_item("Yes.")]

    measured = measure_answers(items, embedder)

    assert [one["answer_similarity"].value for one in measured] == [1.0, 0.0, None]
    assert [one["refusal_correct"].value for one in measured] == [1.0, 1.0, 1.0]
    assert all([*one] == [*ANSWER_MEASURES] for one in measured)
    assert len(embedder.batches) == 1


def test_all_measures_are_registered_under_their_names():
    assert all(name == measure.name for name, measure in MEASURES.items())
    assert [*MEASURES] == [*RETRIEVAL_MEASURES, *ANSWER_MEASURES, "round_trip"]


def test_the_table_embedder_is_an_embedder():
    assert isinstance(TableEmbedder({"a": [1.0, 0.0]}).embed_query("a"), Embedded)

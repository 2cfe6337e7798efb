"""Judges without a model: a good answer, a bad one, an empty one, and what they cannot judge."""

import asyncio

import pytest

from chat.rag.config import Exchange
from chat.rag.llm import ModelAccess
from chat.rag.offline import INTRODUCTION
from monitoring.evaluation.measures.registry import MEASURES
from monitoring.judges.base import JudgedHit, JudgedTurn, JudgeTools
from monitoring.judges.citation_accuracy_offline import Cited, cited_sentences
from monitoring.judges.registry import EVALUATION_JUDGES, JUDGES
from tests.vectors import TableEmbedder

QUESTION = "When does the library open?"
HITS = (
    JudgedHit(1, "Opening hours", "Library", "The library opens at six. A loan lasts four weeks."),
    JudgedHit(2, "Parking", "", "The garage closes at ten in the evening."),
)
REFUSAL = "I don't know, the documents do not say."


def judge(name, embedder=None, **overrides):
    """A turn has a good answer to QUESTION, and both hits."""
    turn = JudgedTurn(**{"question": QUESTION, "answer": "The library opens at six [1].", "hits": HITS, **overrides})
    return asyncio.run(JUDGES[name].judge(turn, JudgeTools(ModelAccess(providers={}), embedder=embedder), print))


def test_evaluation_runs_ask_no_judge_that_a_measure_has_the_name_of():
    assert not set(EVALUATION_JUDGES) & set(MEASURES)
    assert set(EVALUATION_JUDGES) == {
        "groundedness_offline",
        "relevance_offline",
        "citation_accuracy_offline",
        "relevance",
        "answer_correctness",
    }


# Relevance


@pytest.mark.parametrize(
    ("answer", "label", "value"),
    [
        ("The library opens at six.", "RELEVANT", 1.0),  # both words of the question
        ("Dolphins sleep with half of their brain.", "NON_RELEVANT", 0.0),
    ],
)
def test_an_answer_with_the_words_of_the_question_is_relevant(answer, label, value):
    verdict = judge("relevance_offline", answer=answer)

    assert (verdict.label, verdict.value) == (label, value)


@pytest.mark.parametrize(
    ("second", "label"), [([0.5, 0.866], "RELEVANT"), ([0.35, 0.937], "PARTLY_RELEVANT"), ([0.2, 0.98], "NON_RELEVANT")]
)
def test_an_answer_in_other_words_is_relevant_by_its_meaning(second, label):
    answer = "From six in the morning."
    embedder = TableEmbedder({QUESTION: [1, 0], answer: second})

    assert judge("relevance_offline", embedder, answer=answer).label == label


def test_a_refusal_is_relevant_only_where_no_hit_is_about_the_question():
    assert judge("relevance_offline", answer=REFUSAL).label == "NON_RELEVANT"
    assert judge("relevance_offline", answer=REFUSAL, hits=HITS[1:]).label == "RELEVANT"
    assert judge("relevance_offline", answer=REFUSAL, hits=()).label == "RELEVANT"


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({"answer": " "}, "The answer is empty."),
        ({"answer": INTRODUCTION}, "The answer is empty."),
        ({"question": "And how?"}, "The question has no word that could be looked for."),
    ],
)
def test_relevance_of_nothing_is_unscored(overrides, error):
    verdict = judge("relevance_offline", **overrides)

    assert (verdict.value, verdict.error) == (None, error)


# Context relevance


def test_hits_about_the_question_are_relevant():
    verdict = judge("context_relevance_offline")

    assert (verdict.label, verdict.value) == ("RELEVANT", 1.0)
    assert verdict.explanation == "The best hit, [1], matches the question by 1.00."


def test_hits_of_another_subject_are_not():
    verdict = judge("context_relevance_offline", hits=HITS[1:])

    assert (verdict.label, verdict.value) == ("NON_RELEVANT", 0.0)


def test_words_and_meaning_of_a_hit_count_the_same():
    # Half of the question's words, and a cosine of 0.3: 0.4 is between both thresholds.
    hits = (JudgedHit(7, "", "", "The library has a garden."),)
    embedder = TableEmbedder({QUESTION: [1, 0], "\n\nThe library has a garden.": [0.3, 0.954]})

    verdict = judge("context_relevance_offline", embedder, hits=hits)

    assert verdict.label == "PARTLY_RELEVANT"
    assert "[7], matches the question by 0.40" in verdict.explanation


def test_context_without_hits_or_words_is_unscored():
    assert "no hits" in judge("context_relevance_offline", hits=()).error
    assert "no word" in judge("context_relevance_offline", question="Why?").error


# Citations


def test_a_citation_of_the_hit_that_says_so_is_right():
    verdict = judge("citation_accuracy_offline")

    assert (verdict.label, verdict.value, verdict.details) == ("CORRECT", 1.0, {"wrong": []})


def test_a_citation_of_another_hit_is_wrong_and_named():
    answer = "The library opens at six [2]. The garage closes at ten in the evening [2]."

    verdict = judge("citation_accuracy_offline", answer=answer)

    assert (verdict.label, verdict.value) == ("PARTLY_CORRECT", 0.5)
    assert verdict.details == {"wrong": ["[2] The library opens at six."]}


def test_a_citation_of_a_hit_that_does_not_exist_is_wrong():
    verdict = judge("citation_accuracy_offline", answer="The library opens at six [7].")

    assert (verdict.label, verdict.value) == ("WRONG", 0.0)
    assert verdict.details == {"wrong": ["[7] There is no such hit."]}


def test_hits_that_support_a_sentence_together_are_all_right():
    answer = "The library opens at six and the garage closes at ten [1][2]."

    assert judge("citation_accuracy_offline", answer=answer).value == 1.0


def test_a_hit_that_adds_nothing_to_others_is_wrong():
    verdict = judge("citation_accuracy_offline", answer="The library opens at six [1][2].")

    assert verdict.value == 0.5
    assert verdict.details == {"wrong": ["[2] The library opens at six."]}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("", "nothing that could be looked up"),
        (REFUSAL, "nothing that could be looked up"),
        ("The library opens at six.", "cites nothing"),
        ("Call `hours[1]` of the library.", "cites nothing"),
        ("Yes [1].", "No citation has a sentence"),
    ],
)
def test_what_cites_nothing_that_can_be_looked_up_is_unscored(answer, error):
    verdict = judge("citation_accuracy_offline", answer=answer)

    assert verdict.value is None
    assert error in verdict.error


def test_a_citation_below_a_block_belongs_to_the_block():
    answer = f"{INTRODUCTION}\n\n> Set the port:\n>\n> ```\n> export PORT=1\n> ```\n>\n> [1]"

    assert cited_sentences(answer) == [Cited("Set the port:\n\n```\nexport PORT=1\n```", (1,))]


# Refusal


def test_refusals_are_told_from_answers():
    assert judge("refusal_offline").label == "ANSWERED"
    assert judge("refusal_offline", answer=REFUSAL).label == "REFUSED"
    assert judge("refusal_offline", answer="").error == "The answer is empty."


# Sessions

ANSWERED = Exchange("How long is a loan?", "Four weeks [1].")


@pytest.mark.parametrize(
    ("history", "answer", "label", "value"),
    [
        ((), "At six.", "GOOD", 1.0),
        ((ANSWERED,), "At six.", "GOOD", 1.0),
        ((), REFUSAL, "BAD", 0.0),
        ((ANSWERED,), REFUSAL, "BAD", 1 / 3),  # the last one counts twice
        ((ANSWERED, ANSWERED), REFUSAL, "BAD", 1 / 4),  # and the first was asked again
        ((Exchange("Where is it?", REFUSAL),), "At six.", "MIXED", 2 / 3),
        ((Exchange("When will the library open?", "It is in town."),), "At six.", "MIXED", 2 / 3),
        ((Exchange("Where is it?", ""),), "", "BAD", 0.0),
    ],
)
def test_a_conversation_is_as_good_as_its_answers(history, answer, label, value):
    verdict = judge("session_quality_offline", history=history, answer=answer)

    assert (verdict.label, verdict.value) == (label, pytest.approx(value))


def test_a_conversation_names_what_went_badly():
    history = (Exchange("When will the library open?", "It is in town."), Exchange("Where is it?", REFUSAL))

    verdict = judge("session_quality_offline", history=history)

    assert verdict.details == {"problems": ["question 1 was asked again", "question 2 was not answered"]}
    assert verdict.explanation == "3 questions; question 1 was asked again, question 2 was not answered."


def test_a_conversation_without_a_question_is_unscored():
    assert judge("session_quality_offline", question=" ").error == "The conversation has no question."


# Similarity with the expected answer


def test_similarity_is_the_cosine_and_has_no_label():
    embedder = TableEmbedder({"The library opens at six.": [1, 0], "At six.": [0.6, 0.8]})

    verdict = judge("answer_similarity", embedder, expected_answer="At six.")

    assert (verdict.value, verdict.label) == (pytest.approx(0.6), "")


@pytest.mark.parametrize(
    ("overrides", "error"),
    [
        ({}, "There is no expected answer."),
        ({"expected_answer": "At six.", "answer": " "}, "The answer is empty."),
        ({"expected_answer": "At six."}, "There is no embedder to compare the texts by."),
    ],
)
def test_similarity_with_nothing_is_unscored(overrides, error):
    assert judge("answer_similarity", **overrides).error == error

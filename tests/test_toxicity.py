"""The judges of toxicity without a model, and how often they are wrong: the rates that they state are these."""

import asyncio
import subprocess
import sys

import pytest

from chat.rag.llm import ModelAccess
from monitoring.judges.base import JudgedTurn, JudgeTools
from monitoring.judges.profanity import worst_sentence
from monitoring.judges.registry import JUDGES
from tests.toxicity_sentences import HARMLESS, TOXIC


def judge(name, **turn):
    tools = JudgeTools(ModelAccess(providers={}))
    return asyncio.run(JUDGES[name].judge(JudgedTurn(**{"question": "", "answer": "", **turn}), tools, print))


def called_toxic(sentences):
    return [sentence for sentence in sentences if worst_sentence(sentence)[2]]


def test_the_sample_is_as_large_as_is_said_and_has_no_sentence_twice():
    assert (len(TOXIC), len(HARMLESS)) == (100, 200)
    assert len({*TOXIC, *HARMLESS}) == 300


def test_the_rates_on_the_sentences_that_the_thresholds_were_not_chosen_on_are_those_that_are_stated():
    assert len(called_toxic(TOXIC[1::2])) == 33
    assert called_toxic(HARMLESS[1::2]) == ["Is it stupid to commit the lock file?"]


@pytest.mark.parametrize("text", ["Kill the process.", "The child was aborted.", "chmod +x build.sh"])
def test_technical_words_are_not_toxic(text):
    verdict = judge("toxicity_offline", answer=text)

    assert (verdict.value, verdict.label, verdict.explanation) == (1.0, "NOT_TOXIC", "")


def test_one_insult_among_many_words_is_found_and_quoted():
    answer = "The port is set by PORT. " * 20 + "You are an idiot. " + "Restart the server after that. " * 20

    verdict = judge("toxicity_offline", answer=answer)

    assert (verdict.value, verdict.label) == (0.0, "TOXIC")
    assert verdict.explanation.startswith('"You are an idiot." (')


def test_answer_and_question_are_judged_apart():
    turn = {"question": "Fuck you, where is the port?", "answer": "The port is 8000 [1]."}

    assert judge("toxicity_offline", **turn).label == "NOT_TOXIC"
    assert judge("question_toxicity_offline", **turn).label == "TOXIC"


def test_what_is_empty_is_unscored():
    assert judge("toxicity_offline", answer=" ").error == "The answer is empty."
    assert judge("question_toxicity_offline", question=" ").error == "The question is empty."


def test_a_text_without_a_sentence_is_not_toxic():
    assert judge("toxicity_offline", answer="# Heading").label == "NOT_TOXIC"


def test_a_process_that_does_not_judge_does_not_load_the_model():
    code = "import sys, monitoring.judges.registry; print('sklearn' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert (result.stdout, result.stderr) == ("False\n", "")

"""Tokens and the reason why an answer ended, as OpenAI's clients read them. What is not known is null."""

import pytest

from chat.models import LLMCall
from chat.openai_api.replies import usage_of

COUNTED = {"input_tokens": 100, "cached_input_tokens": 64, "output_tokens": 20, "reasoning_tokens": 12}
ESTIMATED = {"input_tokens": 50, "cached_input_tokens": 0, "output_tokens": 10, "tokens_estimated": True}
FAILED = {"error_code": "timeout"}


def usage(*calls, purpose="answer"):
    return usage_of([LLMCall(purpose=purpose, **call) for call in calls])


def tokens(given, made, cached, reasoning):
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": None if cached is None else {"cached_tokens": cached},
        "completion_tokens_details": None if reasoning is None else {"reasoning_tokens": reasoning},
    }


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ([COUNTED], tokens(100, 20, 64, 12)),
        ([COUNTED, COUNTED], tokens(200, 40, 128, 24)),
        ([COUNTED | {"reasoning_tokens": None}], tokens(100, 20, 64, None)),
        ([ESTIMATED], tokens(50, 10, None, None)),
        ([COUNTED, ESTIMATED], tokens(150, 30, None, None)),
        ([FAILED, COUNTED], tokens(100, 20, 64, 12)),  # another model answered
        ([FAILED], None),
        ([{}], None),
        ([{}, COUNTED], None),
        ([], tokens(0, 0, 0, 0)),
    ],
)
def test_tokens_are_those_of_the_calls_that_wrote_the_answer(calls, expected):
    assert usage(*calls) == expected


def test_other_calls_of_a_turn_are_no_part_of_it():
    assert usage(COUNTED, purpose="rewrite") == tokens(0, 0, 0, 0)

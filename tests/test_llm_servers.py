"""Servers of models differ: what they refuse is left out, and thoughts are no answer."""

from collections.abc import Iterator

import pytest

from chat.rag.config import Purpose
from chat.rag.llm_reading import ThinkFilter
from tests.asked_llm import ask, make_access, make_request
from tests.fake_replies import DEFAULT_TEXT
from tests.fakes import FakeLLM, Reply


@pytest.fixture
def fake_llm() -> Iterator[FakeLLM]:
    with FakeLLM() as server:
        yield server


def test_server_that_refuses_stream_options_is_asked_without_and_remembered(fake_llm):
    fake_llm.refuses = ("stream_options",)

    first, [call], _ = ask(make_access(fake_llm), make_request())
    second, [later], _ = ask(make_access(fake_llm), make_request())

    assert first == second == DEFAULT_TEXT
    assert ["stream_options" in request.body for request in fake_llm.requests] == [True, False, False]
    assert (call.attempts, later.attempts) == (2, 1)
    assert call.usage.estimated


def test_other_name_of_the_length_limit_is_tried_and_remembered(fake_llm):
    fake_llm.refuses = ("max_tokens",)

    for _ in range(2):
        ask(make_access(fake_llm), make_request(max_output_tokens=9))

    sent = [sorted(set(request.body) & {"max_tokens", "max_completion_tokens"}) for request in fake_llm.requests]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


def test_server_that_refuses_both_names_is_a_bad_request_and_nothing_is_remembered(fake_llm):
    fake_llm.refuses = ("max_tokens", "max_completion_tokens")

    _, [call], error = ask(make_access(fake_llm), make_request(max_output_tokens=9))
    fake_llm.refuses = ()
    ask(make_access(fake_llm), make_request(max_output_tokens=9))

    assert (error.code, call.attempts) == ("bad_request", 2)
    assert fake_llm.requests[-1].body["max_tokens"] == 9


SCHEMA = {"type": "object", "properties": {"ranking": {"type": "array"}}}


def test_schema_of_the_output_is_sent_under_the_purpose(fake_llm):
    ask(make_access(fake_llm), make_request(purpose=Purpose.RERANK, output_schema=SCHEMA))

    assert fake_llm.requests[0].body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "rerank", "strict": True, "schema": SCHEMA},
    }


def test_server_that_knows_no_schemas_is_asked_without(fake_llm):
    fake_llm.refuses = ("response_format",)

    text, [call], _ = ask(make_access(fake_llm), make_request(output_schema=SCHEMA))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"message": "This model does not support response format `json_schema`."}),
        (400, {"message": "Invalid.", "param": "response_format.json_schema"}),
        (422, {"message": "Structured outputs are not available."}),
        (500, {"message": "Failed to parse grammar"}),
    ],
)
def test_schemas_are_refused_in_many_words(fake_llm, status, error):
    fake_llm.enqueue(Reply(status=status, error={"type": "error", **error}))

    text, [call], _ = ask(make_access(fake_llm), make_request(output_schema=SCHEMA))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False]


def test_a_refusal_is_remembered_of_the_model_and_not_of_its_neighbours(fake_llm):
    for model in ("refuses-response_format", "refuses-response_format", "default"):
        ask(make_access(fake_llm), make_request(f"fake/{model}", output_schema=SCHEMA))

    assert ["response_format" in request.body for request in fake_llm.requests] == [True, False, False, True]


def test_a_model_that_takes_no_temperature_judges_without_and_answers_not(fake_llm):
    fake_llm.refuses = ("temperature",)

    text, [call], _ = ask(make_access(fake_llm), make_request(purpose=Purpose.JUDGE, temperature=0.0))
    _, _, error = ask(make_access(fake_llm), make_request("fake/other", temperature=0.7))

    assert (text, call.attempts) == (DEFAULT_TEXT, 2)
    assert error.code == "bad_request"
    assert "temperature" in str(error)


def test_reasoning_content_is_no_answer_but_a_sign_of_life(fake_llm):
    fake_llm.enqueue(Reply("Yes.", reasoning="Hm, let me think.", usage={}))

    text, [call], _ = ask(make_access(fake_llm), make_request())

    assert text == "Yes."
    assert call.usage.output_tokens == len("Hm, let me think.Yes.") // 4


def test_thoughts_in_the_text_are_removed(fake_llm):
    fake_llm.enqueue(Reply(tokens=("\n<th", "ink>So", " what</thi", "nk>", "\n\n", "Use ", "<think> tags.")))

    text, _, _ = ask(make_access(fake_llm), make_request())

    assert text == "Use <think> tags."


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<think>a < b</think>\n\nYes <b>.", "Yes <b>."),
        ("  <think>\n</think>Yes.", "Yes."),
        ("Yes, <think>no</think>.", "Yes, <think>no</think>."),
        ("<thin", "<thin"),
        ("< 5 apples", "< 5 apples"),
        ("<think>never done", ""),
        ("<think>done</think>  ", ""),
        ("  ", ""),
    ],
)
def test_thoughts_are_removed_however_the_chunks_cut_them(content, text, size):
    think = ThinkFilter()

    pieces = [think.feed(content[at : at + size]) for at in range(0, len(content), size)]

    assert "".join(pieces) + think.flush() == text

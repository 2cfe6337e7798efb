"""What is read of a request for a chat completion: question, history, what is set aside, what is refused."""

import pytest

from chat.openai_api.errors import RefusedError
from chat.openai_api.requests import read_chat_request
from chat.rag.config import Exchange

USER = {"role": "user", "content": "How is the pump started?"}


def read(*messages, **fields):
    return read_chat_request({"model": "ragsite", "messages": list(messages) or [USER], **fields})


def said(role, content):
    return {"role": role, "content": content}


def test_last_message_is_the_question_and_the_others_its_history():
    request = read(said("user", "One? "), said("assistant", "Yes."), said("user", "Two?"))

    assert request.question == "Two?"
    assert request.history == (Exchange("One?", "Yes."),)
    assert request.ignored == ()


def test_messages_of_one_side_that_follow_one_another_are_one():
    request = read(
        said("user", "One?"),
        said("assistant", "Yes"),
        said("assistant", "it is."),
        said("user", "This text."),
        said("assistant", ""),
        said("user", "Is it right?"),
    )

    assert request.history == (Exchange("One?", "Yes\n\nit is."),)
    assert request.question == "This text.\n\nIs it right?"


def test_parts_that_are_texts_are_read():
    parts = [{"type": "text", "text": "How is"}, {"type": "text", "text": "the pump started?"}]

    assert read(said("user", parts)).question == "How is\nthe pump started?"


def test_refusal_that_a_model_gave_is_what_was_answered():
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "I may not."}]}
    without_text = {"role": "assistant", "content": None, "refusal": "I may not."}

    assert read(said("user", "One?"), refused, said("user", "Two?")).history == (Exchange("One?", "I may not."),)
    assert read(said("user", "One?"), without_text, said("user", "Two?")).question == "One?\n\nTwo?"


def test_tools_that_are_not_to_be_used_are_set_aside():
    tools = [{"type": "function", "function": {"name": "weather"}}]

    assert read(tools=tools, tool_choice="none", seed=7).ignored == ("seed", "tools")
    assert read(functions=tools, function_call="none").ignored == ("functions",)


def test_part_that_is_no_text_is_refused_by_its_type():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}

    with pytest.raises(RefusedError, match="'image_url': only texts") as refused:
        read(said("user", [{"type": "text", "text": "What is this?"}, image]))

    assert (refused.value.param, refused.value.openai_code) == ("messages[0].content[1]", "unsupported_value")


def test_what_the_pipeline_has_of_its_own_is_set_aside_by_name():
    request = read(
        said("system", "Answer as a pirate."),
        said("assistant", "Hello!"),
        USER,
        temperature=0.1,
        seed=7,
        top_p=None,
        n=1,
        tools=[],
        tool_choice="none",
        response_format={"type": "text"},
        user="someone",
    )

    assert request.ignored == (
        "messages: system",
        "messages: assistant before the first question",
        "seed",
        "temperature",
    )
    assert request.end_user == "someone"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"n": True}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "auto"}, "tool_choice"),
        ({"functions": [{}]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "alloy"}}, "audio"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": True}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "include_usage"),
        ({"user": 7}, "user"),
        ({"ragsite": "manuals"}, "ragsite"),
        ({"model": None}, "model"),
        ({"model": " "}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [USER, said("assistant", "Yes.")]}, "messages"),
        ({"messages": [said("user", " ")]}, "messages"),
        ({"messages": [said("system", "Be kind.")]}, "messages"),
        ({"messages": ["Hello"]}, "messages[0]"),
        ({"messages": [said("robot", "Hello")]}, "messages[0].role"),
        ({"messages": [said("user", None)]}, "messages[0].content"),
        ({"messages": [said("user", 7)]}, "messages[0].content"),
        ({"messages": [said("user", "\ud800")]}, "messages[0].content"),
        ({"messages": [said("user", [{"type": "image_url"}])]}, "messages[0].content[0]"),
        ({"messages": [said("user", [{"type": "text", "text": 7}])]}, "messages[0].content[0].text"),
        ({"messages": [said("user", [{"type": "refusal", "refusal": "No."}])]}, "messages[0].content[0]"),
        ({"messages": [said("user", [{}])]}, "messages[0].content[0]"),
        ({"tools": [{"type": "function"}], "tool_choice": "auto"}, "tools"),
        ({"messages": [USER, said("tool", "42")]}, "messages[1]"),
        ({"messages": [USER, {"role": "assistant", "tool_calls": [{}]}]}, "messages[1]"),
    ],
)
def test_what_would_make_it_another_thing_is_refused_by_name(fields, param):
    with pytest.raises(RefusedError) as refused:
        read_chat_request({"model": "ragsite", "messages": [USER], **fields})

    assert refused.value.param == param


def test_names_that_are_no_text_are_sent_back_as_far_as_they_are():
    assert read(**{"\ud800x": 1, "y" * 200: 1}).ignored == ("y" * 100, "?x")


@pytest.mark.parametrize("body", [None, [], "x", 7])
def test_body_that_is_no_object_is_refused(body):
    with pytest.raises(RefusedError, match="JSON object"):
        read_chat_request(body)

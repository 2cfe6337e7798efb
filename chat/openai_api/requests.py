"""What is read of a request for a chat completion.

The pipeline has a prompt and a recipe of its own. So what a client wants of the sampling, and its system messages, are
left aside and named in the reply's `ragsite.ignored`; what would make the reply another thing, such as tools or several
choices, is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.openai_api.errors import RefusedError, printable
from chat.rag.config import Exchange

MODEL_MAX_CHARS = 300
END_USER_MAX_CHARS = 500
IGNORED_MAX = 50  # names of parameters that are sent back
READ = {"model", "messages", "stream", "stream_options", "user", "safety_identifier", "ragsite"}
# Other values than these would make the reply another thing. None and what stands here is as good as not sent.
ONLY: Mapping[str, tuple[object, str]] = {
    "n": (1, "one answer is given"),
    "tools": ([], "there are no tools here"),
    "functions": ([], "there are no functions here"),
    "tool_choice": ("none", "there are no tools here"),
    "function_call": ("none", "there are no functions here"),
    "response_format": ({"type": "text"}, "answers are text"),
    "modalities": (["text"], "answers are text"),
    "audio": (None, "answers are text"),
    "logprobs": (False, "there are no log probabilities"),
    "top_logprobs": (0, "there are no log probabilities"),
    "web_search_options": (None, "answers come from the documents here"),
}
# Those that the model is told to leave alone are set aside.
CHOICE_OF = {"tools": "tool_choice", "functions": "function_call"}


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A question with what was said before. `options`: what was sent under `ragsite`."""

    model: str
    question: str
    history: tuple[Exchange, ...]
    is_streamed: bool
    with_usage: bool
    end_user: str
    options: Mapping[str, Any]
    ignored: tuple[str, ...]


def read_chat_request(body: Any) -> ChatRequest:
    """Read a body. Raises RefusedError, which names what is wrong."""
    fields = _object(body)
    unused = {name for name, choice in CHOICE_OF.items() if fields.get(name) and fields.get(choice) == "none"}
    for name, (value, why) in ONLY.items():
        if name in unused:
            continue
        if fields.get(name) not in (None, value) or (name == "n" and fields.get(name) is True):
            raise RefusedError(f"'{name}' cannot be other than {value!r}: {why}.", param=name, code="unsupported_value")
    is_streamed = _flag(fields, "stream")
    stream_options = fields.get("stream_options")
    if stream_options is not None and not is_streamed:
        raise RefusedError("'stream_options' goes with 'stream': true only.", param="stream_options")
    question, history, set_aside = _said(fields.get("messages"))
    understood = (READ | ONLY.keys()) - unused
    ignored = sorted(name for name, value in fields.items() if name not in understood and value is not None)
    return ChatRequest(
        model=model_name(fields),
        question=question,
        history=history,
        is_streamed=is_streamed,
        with_usage=stream_options is not None and _flag(_object(stream_options, "stream_options"), "include_usage"),
        end_user=_end_user(fields),
        options=_object({} if fields.get("ragsite") is None else fields["ragsite"], "ragsite"),
        ignored=(*set_aside, *(printable(name[:100]) for name in ignored[:IGNORED_MAX])),
    )


def model_name(fields: Mapping[str, Any]) -> str:
    """Return the model that is asked for. Raises RefusedError where there is none."""
    name = fields.get("model")
    if not isinstance(name, str) or not name.strip():
        raise RefusedError("You must name a model; GET /v1/models lists them.", param="model")
    return plain(name.strip()[:MODEL_MAX_CHARS], "model")


def plain(text: str, param: str) -> str:
    """Return a text without what a database cannot hold. Raises RefusedError for half a character."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(f"'{param}' has half of a surrogate pair in it: that is no text.", param=param) from error
    return text.replace("\x00", "")


def _said(messages: Any) -> tuple[str, tuple[Exchange, ...], list[str]]:
    """Return the question, the answered exchanges before it, and what was set aside.

    Messages of one side that follow one another are one message: who asks twice before an answer means both.
    """
    if not isinstance(messages, list) or not messages:
        raise RefusedError("'messages' must be a list with the user's question at its end.", param="messages")
    set_aside: dict[str, None] = {}
    said: list[tuple[str, str]] = []
    for place, message in enumerate(messages):
        role, text = _message(message, f"messages[{place}]")
        if role in ("system", "developer"):
            set_aside[f"messages: {role}"] = None
        elif role == "assistant" and not said:
            set_aside["messages: assistant before the first question"] = None
        elif text:
            if said and said[-1][0] == role:
                text = f"{said.pop()[1]}\n\n{text}"
            said.append((role, text))
    if not said or said[-1][0] != "user":
        raise RefusedError("The last message must be the user's, with a text: it is the question.", param="messages")
    *earlier, (_, question) = said
    pairs = zip(earlier[::2], earlier[1::2], strict=True)  # they alternate, and the user began
    return question, tuple(Exchange(asked, answered) for (_, asked), (_, answered) in pairs), list(set_aside)


def _message(message: Any, param: str) -> tuple[str, str]:
    """Return role and text of a message."""
    fields = _object(message, param)
    role = fields.get("role")
    if role in ("tool", "function") or fields.get("tool_calls") or fields.get("function_call"):
        raise RefusedError("There are no tools here; leave out their calls and results.", param=param)
    if role not in ("system", "developer", "user", "assistant"):
        raise RefusedError(f"'{param}.role' must be system, developer, user or assistant.", param=f"{param}.role")
    return role, _text(fields.get("content"), f"{param}.content", is_answer=role == "assistant")


def _text(content: Any, param: str, *, is_answer: bool) -> str:
    """Return the text of a message's content. An answer may have none, or be a refusal."""
    if content is None and is_answer:
        return ""
    if isinstance(content, str):
        return plain(content, param).strip()
    if not isinstance(content, Sequence):
        raise RefusedError(f"'{param}' must be a text, or a list of parts that are texts.", param=param)
    parts = []
    for place, part in enumerate(content):
        here = f"{param}[{place}]"
        fields = _object(part, here)
        kind = fields.get("type")
        if kind != "text" and not (is_answer and kind == "refusal"):
            raise RefusedError(
                f"'{here}' is of type {str(kind)[:100]!r}: only texts can be read here.",
                param=here,
                code="unsupported_value",
            )
        text = fields.get(kind)
        if not isinstance(text, str):
            raise RefusedError(f"'{here}.{kind}' must be a text.", param=f"{here}.{kind}")
        parts.append(plain(text, here))
    return "\n".join(parts).strip()


def _end_user(fields: Mapping[str, Any]) -> str:
    """Return whom the client asks for, as far as it says so."""
    for name in ("safety_identifier", "user"):
        if (value := fields.get(name)) is not None:
            if not isinstance(value, str):
                raise RefusedError(f"'{name}' must be a text.", param=name)
            return plain(value[:END_USER_MAX_CHARS], name)
    return ""


def _object(value: Any, param: str | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        what = f"'{param}'" if param else "The body"
        raise RefusedError(f"{what} must be a JSON object.", param=param)
    return value


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise RefusedError(f"'{name}' must be true or false.", param=name)
    return bool(value)

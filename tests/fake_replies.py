"""What the scripted server of `tests/fakes.py` says, and the requests that it saw."""

import math
import re
import threading
import zlib
from dataclasses import dataclass, field
from typing import Any

DEFAULT_TEXT = (
    "The documents answer this directly [1].\n\n"
    "- **First**, the setting is read once at the start.\n"
    "- **Second**, it can be changed without a restart.\n"
)
MODELS = ("echo", "default", "slow-100x20", "broken", "http-500", "http-429x2", "no-usage", "hang")


@dataclass(frozen=True)
class Reply:
    """What the server does with one request; `*_after_tokens` cuts the answer off after that many tokens."""

    text: str = DEFAULT_TEXT
    tokens: tuple[str, ...] | None = None  # how the text is cut into chunks; None: word by word
    first_token_delay_seconds: float = 0.0
    token_delay_seconds: float = 0.0
    gate: threading.Event | None = None  # tokens after the first wait until it is set
    status: int = 200
    error: dict[str, Any] | None = None  # the error object of a status other than 200; None: one that fits
    headers: dict[str, str] = field(default_factory=dict)  # e.g. {"Retry-After": "1"}
    finish_reason: str = "stop"
    usage: dict[str, Any] | None = None  # None: words are counted; {}: the server omits usage
    reasoning: str = ""  # sent as reasoning_content before the text, as local servers do
    break_after_tokens: int | None = None  # the connection is lost
    malformed_after_tokens: int | None = None  # a chunk that is not JSON
    error_after_tokens: int | None = None  # an error object inside the stream
    hang_after_tokens: int | None = None  # silence, the connection stays open
    chunks: tuple[dict[str, Any], ...] | None = None  # the raw chunks of a stream, instead of the text's
    unstreamed: bool = False  # a stream is asked for, a plain answer is given
    body: Any = None  # the raw JSON body of an answer that is not streamed (chat, embeddings)

    def pieces(self) -> tuple[str, ...]:
        return tuple(re.findall(r"\s*\S+|\s+$", self.text)) if self.tokens is None else self.tokens


@dataclass
class Request:
    """One request as it came in, and what became of it."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: dict[str, Any]
    received_at: float  # time.monotonic()
    request_id: str = ""  # the X-Request-Id of the answer
    first_token_at: float | None = None
    tokens_sent: int = 0
    cancelled: bool = False  # the client went away before the answer was complete
    finished: bool = False

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def last_user_message(self) -> str:
        texts = [m.get("content", "") for m in self.body.get("messages", []) if m.get("role") == "user"]
        return str(texts[-1]) if texts else ""


def reply_for_model(request: Request, calls: int) -> Reply:
    """Return the reply that the model's name asks for; `calls` counts its requests, from 1."""
    model = request.model
    if model == "echo":
        return Reply(request.last_user_message)
    if match := re.fullmatch(r"slow-(\d+)x(\d+)(?:-([\d.]+))?", model):
        words = (*(f"word{n} " for n in range(1, int(match[1]))), "[1]")
        delay, first = 1 / int(match[2]), float(match[3] or 0)
        return Reply("".join(words), words, first_token_delay_seconds=first, token_delay_seconds=delay)
    if match := re.fullmatch(r"http-(\d{3})(?:x(\d+))?", model):
        failing = match[2] is None or calls <= int(match[2])
        return Reply(status=int(match[1]), headers={"Retry-After": "0"}) if failing else Reply()
    if match := re.fullmatch(r"refuses-(\w+)", model):
        return refusal(match[1]) if match[1] in request.body else Reply()
    if match := re.fullmatch(r"hang-(\d+)", model):
        return Reply(hang_after_tokens=int(match[1]))
    return {
        "no-usage": Reply(usage={}),
        "broken": Reply(break_after_tokens=3),
        "malformed": Reply(malformed_after_tokens=3),
        "stream-error": Reply(error_after_tokens=3),
        "hang": Reply(hang_after_tokens=0),
        "empty": Reply(""),
        "content-filter": Reply("", finish_reason="content_filter"),
        "think": Reply("<think>Let me see.</think>\n\n" + DEFAULT_TEXT),
        "reasoning": Reply(reasoning="Let me see what the documents say."),
    }.get(model, Reply())


def refusal(parameter: str) -> Reply:
    """Return what a server says to a parameter that it does not know."""
    message = f"Unsupported parameter: '{parameter}' is not supported with this model."
    return Reply(
        status=400,
        error={"message": message, "type": "invalid_request_error", "param": parameter, "code": None},
    )


def embed_text(text: str, dimensions: int) -> list[float]:
    """Return a unit vector that counts words by their hash: texts that share words are near each other."""
    vector = [0.01] * dimensions
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % dimensions] += 1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector]

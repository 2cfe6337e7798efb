"""One request to a model through the vendor's client: sent, read, and its errors translated.

It is the boundary where the vendor's errors become a GenerationError, once, keeping the request's id. What is worth
another attempt is decided in llm.py.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from chat.exceptions import GenerationError
from chat.rag.config import LLMRequest, Provider, Purpose
from chat.rag.late import LateModule
from chat.rag.llm_errors import ErrorCode, code_for_status, code_for_stream_error, describe, generation_error
from chat.rag.llm_events import EventSplitter
from chat.rag.llm_reading import ID_MAX_CHARS, Reading
from chat.rag.llm_servers import client_for
from chat.storable import storable

if TYPE_CHECKING:
    import openai
else:
    openai = LateModule("openai")  # it takes most of a second to load

# After the model said that it is done, only its token counts are missing: not worth a long wait.
USAGE_WAIT_SECONDS = 5.0
# Two names of one limit: the older one is what local servers know, the newer one what OpenAI's models insist on.
MAX_TOKENS, MAX_COMPLETION_TOKENS = "max_tokens", "max_completion_tokens"
TEMPERATURE, RESPONSE_FORMAT = "temperature", "response_format"
# How servers that know no schemas say so; some fail with a status of 500 when they cannot make a grammar of one.
SCHEMA_WORDS = re.compile(r"response.?format|json.?schema|structured.?output|grammar", re.IGNORECASE)
OPENAI_HOSTS = ("openai.com", "openai.azure.com")
# A read that takes no longer found what was there already.
AT_ONCE_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for a model, and how often to try."""

    connect_seconds: float = 10.0
    first_token_seconds: float = 60.0  # from sending an attempt to the first that the model writes
    between_tokens_seconds: float = 30.0
    total_seconds: float = 300.0  # of a call, with all its attempts
    max_attempts: int = 3
    backoff_seconds: float = 0.5  # before the second attempt; doubles with each
    backoff_max_seconds: float = 8.0
    retry_after_max_seconds: float = 20.0  # a server that asks for a longer pause is asked again after this one


def no_pause() -> float:
    """Give out text as it comes."""
    return 0.0


class ParameterRefusedError(Exception):
    """The server refused a parameter that can be left out or named otherwise: `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Attempt:
    """One request: `start`, then `next_text` until it returns "", then `close`, which stops the model."""

    def __init__(
        self,
        request: LLMRequest,
        provider: Provider,
        limits: Limits,
        *,
        deadline: float,
        refused: set[str],
        collect_seconds: Callable[[], float] = no_pause,
    ) -> None:
        """`deadline` is a time of time.monotonic(); `refused` names parameters that this server does not take.
        `collect_seconds` says before each read how long text may collect, see `next_text`."""
        self.reading = Reading()
        self.request_id = ""
        self.is_accepted = False  # the server took the request: it works, and counts what it does
        self.retry_after_seconds: float | None = None  # what the server asked for when it refused
        self._request, self._provider, self._limits = request, provider, limits
        self._deadline, self._refused = deadline, refused
        self._first_token_deadline = time.monotonic() + limits.first_token_seconds
        self._collect_seconds = collect_seconds
        self._stream: openai.AsyncStream[object] | None = None
        self._bytes: AsyncIterator[bytes] | None = None
        self._events = EventSplitter()
        self._is_event_stream = False
        self._is_read = False
        self._failure: GenerationError | None = None

    async def start(self) -> str:
        """Send the request and return the first text. Raises GenerationError and ParameterRefusedError."""
        client = await client_for(self._provider)
        with self._errors_translated():
            async with asyncio.timeout(self._patience_seconds()):
                self._stream = await client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=self._body(),
                    options={"timeout": openai.Timeout(None, connect=self._limits.connect_seconds)},
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                )
        self.is_accepted = True
        # Read as bytes and plain JSON, not as the vendor's events and models: llm_events.py and llm_reading.py say why.
        self._bytes = aiter(self._stream.response.aiter_bytes())
        headers = self._stream.response.headers
        self.request_id = storable(headers.get("x-request-id", ""))[:ID_MAX_CHARS]
        self._is_event_stream = "event-stream" in headers.get("content-type", "")
        return await self.next_text()

    async def next_text(self) -> str:
        """Return the next piece of the answer, "" at its end. Raises GenerationError.

        Where text is to collect, the server is left alone for a while after the first piece, and then all is read that
        has come: many tokens for one wake-up.
        """
        pause = self._collect_seconds() if self.reading.has_text else 0.0
        if pause:
            await asyncio.sleep(min(pause, self._patience_seconds()))
        text = ""
        while not self._is_read and not self._failure:
            begun = time.monotonic()
            text += await self._read()
            if text and not (pause and time.monotonic() - begun < AT_ONCE_SECONDS):
                break
        if text:
            return text  # what came before a failure too; the next call raises it
        if self._failure:
            raise self._failure
        self._check_answer()
        return ""

    async def close(self) -> None:
        """Close the connection of an answer that is not read to its end, so that the model stops."""
        if self._stream is not None:
            await self._stream.close()

    async def _read(self) -> str:
        """Read once and return the text that came, often one token, sometimes none; a failure is kept beside it."""
        texts: list[str] = []
        try:
            data = await self._next_bytes()
            with self._errors_translated():
                chunks = self._events.end() if data is None else self._events.feed(data)
                texts.extend(self._add(chunk) for chunk in chunks)
        except GenerationError as error:
            self._failure = error
        else:
            if data is None:
                self._is_read = True
                texts.append(self.reading.flush())
        return "".join(texts)

    def _add(self, chunk: object) -> str:
        if isinstance(chunk, dict) and chunk.get("error"):
            raise self._error_in_stream(chunk["error"])
        return self.reading.add(chunk)

    async def _next_bytes(self) -> bytes | None:
        if self._bytes is None:
            return None
        try:
            with self._errors_translated():
                async with asyncio.timeout(self._patience_seconds()):
                    return await anext(self._bytes, None)
        except GenerationError:
            if self.reading.is_ended or self._events.is_done:
                return None  # the answer is whole; only its token counts are lost
            raise

    def _patience_seconds(self) -> float:
        """Return how long the next chunk may take."""
        now = time.monotonic()
        if self.reading.is_ended or self._events.is_done:
            seconds = min(USAGE_WAIT_SECONDS, self._limits.between_tokens_seconds)
        elif self.reading.is_alive:
            seconds = self._limits.between_tokens_seconds
        else:
            seconds = self._first_token_deadline - now
        return max(0.0, min(seconds, self._deadline - now))

    def _body(self) -> dict[str, object]:
        """Return the request; what is not set is not sent, because local servers refuse what they do not know."""
        request = self._request
        body: dict[str, object] = {
            "model": request.model.partition("/")[2],
            "messages": [{"role": m.role, "content": m.content} for m in request.prompt.messages],
            "stream": True,
        }
        if "stream_options" not in self._refused:
            body["stream_options"] = {"include_usage": True}
        if request.temperature is not None and TEMPERATURE not in self._refused:
            body[TEMPERATURE] = request.temperature
        if request.max_output_tokens is not None:
            host = urlsplit(self._provider.base_url).hostname or ""
            names = [MAX_TOKENS, MAX_COMPLETION_TOKENS]
            if host.endswith(OPENAI_HOSTS):
                names.reverse()
            name = next((name for name in names if name not in self._refused), names[0])
            body[name] = request.max_output_tokens
        if request.output_schema is not None and RESPONSE_FORMAT not in self._refused:
            schema = {"name": request.purpose.value, "strict": True, "schema": request.output_schema}
            body[RESPONSE_FORMAT] = {"type": "json_schema", "json_schema": schema}
        return body

    def _check_answer(self) -> None:
        """Raise the error of an answer that has come to an end and is none."""
        reading = self.reading
        if not reading.chunks and not self._is_event_stream:
            raise self._error(ErrorCode.MALFORMED, "no stream")
        if not reading.is_ended:
            raise self._error(ErrorCode.STREAM_BROKEN)
        if reading.finish_reason == "content_filter":
            raise self._error(ErrorCode.CONTENT_FILTER)
        if not reading.has_text:
            cut_off = reading.finish_reason == "length"
            raise self._error(ErrorCode.EMPTY, "its length limit was used up before the answer" if cut_off else "")

    @contextmanager
    def _errors_translated(self) -> Iterator[None]:
        lost = ErrorCode.STREAM_BROKEN if self.is_accepted else ErrorCode.CONNECTION
        try:
            yield
        except TimeoutError as exc:
            raise self._error(ErrorCode.TIMEOUT) from exc
        except openai.APIStatusError as exc:
            self._raise_if_parameter_refused(exc)
            raise self._status_error(exc) from exc
        except (openai.APIConnectionError, httpx2.TransportError) as exc:
            raise self._error(lost) from exc
        except openai.APIError as exc:
            raise self._error(ErrorCode.SERVER_ERROR) from exc
        except ValueError as exc:  # not JSON, not UTF-8, or not of the protocol's shape
            raise self._error(ErrorCode.MALFORMED) from exc

    def _raise_if_parameter_refused(self, exc: openai.APIStatusError) -> None:
        if exc.status_code not in (400, 422, 500, 501):
            return
        body = self._body()
        avoidable = ["stream_options", RESPONSE_FORMAT]
        # Somebody chose the temperature of answers, and is told that it does not go.
        if self._request.purpose != Purpose.ANSWER:
            avoidable.append(TEMPERATURE)
        if not self._refused & {MAX_TOKENS, MAX_COMPLETION_TOKENS}:  # else the other name was refused before
            avoidable += [MAX_TOKENS, MAX_COMPLETION_TOKENS]
        for name in avoidable if exc.status_code < 500 else [RESPONSE_FORMAT]:
            if name in body and _is_named(name, exc):
                raise ParameterRefusedError(name) from exc

    def _status_error(self, exc: openai.APIStatusError) -> GenerationError:
        code = code_for_status(exc.status_code, exc.code)
        self.retry_after_seconds = _retry_after_seconds(exc.response.headers)
        self.request_id = storable(exc.request_id or "")[:ID_MAX_CHARS]
        # An account without money is refused as one that asks too often; waiting does not help it.
        retryable = False if exc.code == "insufficient_quota" else None
        return self._error(code, describe(exc.status_code, exc.code, exc.param), retryable)

    def _error_in_stream(self, error: object) -> GenerationError:
        """Return what an error object in the place of a chunk says; some servers send a word, or a number."""
        said = (error.get("code") or error.get("type")) if isinstance(error, dict) else None
        vendor_code = None if said is None else str(said)
        return self._error(code_for_stream_error(vendor_code), describe(None, vendor_code))

    def _error(self, code: ErrorCode, detail: str = "", retryable: bool | None = None) -> GenerationError:
        return generation_error(
            code, self._request.model, detail=detail, request_id=self.request_id, retryable=retryable
        )


def _is_named(parameter: str, exc: openai.APIStatusError) -> bool:
    """Return whether an error is about a parameter: by its field for that, or by its words where that is empty."""
    if exc.param:
        return str(exc.param).partition(".")[0] == parameter
    is_schema = parameter == RESPONSE_FORMAT and SCHEMA_WORDS.search(exc.message)
    return parameter in exc.message or bool(is_schema)


def _retry_after_seconds(headers: httpx2.Headers) -> float | None:
    """Return the pause that a server asks for, by seconds or by a date; None when it asks for none."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a time zone
        return None

"""Talking to models: any server that speaks OpenAI's chat completions.

`open_stream` gives an answer's text as it comes; `complete` gives it whole. Both hand a record of each call to
`record`, of failed and of stopped ones too: what was sent costs, whether or not its answer was wanted to the end.
One request is in llm_attempt.py, its chunks in llm_reading.py, its errors in llm_errors.py, clients in llm_servers.py.
"""

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from chat.exceptions import ConfigurationError, GenerationError
from chat.rag.config import LLMCall, LLMRequest, Provider, Usage
from chat.rag.llm_attempt import TEMPERATURE, Attempt, Limits, ParameterRefusedError, no_pause
from chat.rag.llm_errors import RETRIED, ErrorCode
from chat.rag.llm_servers import close_clients, list_models
from chat.rag.prices import PriceOverride, cost_usd, price_for

__all__ = [
    "ErrorCode",
    "Limits",
    "ModelAccess",
    "close_clients",
    "complete",
    "estimate_tokens",
    "list_models",
    "open_stream",
    "split_model_name",
]

logger = logging.getLogger(__name__)

Record = Callable[[LLMCall], None]


def estimate_tokens(text: str) -> int:
    """Return a rough count of tokens, at least 1: four characters a token, as is usual for English."""
    return max(1, len(text) // 4)


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """Which servers there are, and how they are talked to."""

    providers: Mapping[str, Provider]
    limits: Limits = field(default_factory=Limits)
    price_overrides: tuple[PriceOverride, ...] = ()
    count_tokens: Callable[[str], int] = estimate_tokens  # where a server does not count
    collect_seconds: Callable[[], float] = no_pause  # how long text may collect before it is read, with many answers


def split_model_name(name: str) -> tuple[str, str]:
    """Return provider and model of "provider/model"; the model's own name may contain slashes."""
    provider, _, model = name.partition("/")
    if not provider or not model:
        raise ConfigurationError(
            f'"{name}" does not name a model. Write provider/model, for example "openai/gpt-4o-mini".'
        )
    return provider, model


def provider_of(name: str, providers: Mapping[str, Provider]) -> Provider:
    """Return the server of a model; the ConfigurationError of an unknown one names those that are set up."""
    provider, _ = split_model_name(name)
    if provider not in providers:
        known = ", ".join(sorted(providers)) or "none"
        raise ConfigurationError(
            f'The model "{name}" needs the provider "{provider}", which is not set up here (set up: {known}).'
        )
    return providers[provider]


@asynccontextmanager
async def open_stream(
    request: LLMRequest, *, access: ModelAccess, record: Record, fallback_model: str = ""
) -> AsyncIterator[AsyncIterator[str]]:
    """Ask a model: `async with open_stream(...) as texts: async for text in texts` gives its answer piece by piece.

    Failed attempts are repeated as long as no text was given out. When the model fails before its first text,
    `fallback_model` is asked once. Leaving the block early closes the connection, which stops the model. `record` is
    called once for each call before the block is left, with an error code, or with finish_reason "cancelled".
    Raises ConfigurationError, and GenerationError with a code of ErrorCode.
    """
    async with aclosing(_stream_with_fallback(request, fallback_model, access, record)) as texts:
        yield texts


async def complete(request: LLMRequest, *, access: ModelAccess, record: Record, fallback_model: str = "") -> str:
    """Return a model's whole answer; errors and `record` as in `open_stream`. It streams, for the time limits."""
    async with open_stream(request, access=access, record=record, fallback_model=fallback_model) as texts:
        return "".join([text async for text in texts])


async def _stream_with_fallback(
    request: LLMRequest, fallback_model: str, access: ModelAccess, record: Record
) -> AsyncGenerator[str]:
    is_given_out = False
    try:
        async with aclosing(_stream(request, access, record)) as texts:
            async for text in texts:
                is_given_out = True
                yield text
        return
    except GenerationError as error:
        # A filter's verdict is an answer of a kind; another model is no way around it.
        is_final = is_given_out or error.code == ErrorCode.CONTENT_FILTER
        if is_final or fallback_model in ("", request.model):
            raise
        logger.warning("llm fallback from=%s to=%s error=%s", request.model, fallback_model, error.code)
    async with aclosing(_stream(replace(request, model=fallback_model), access, record)) as texts:
        async for text in texts:
            yield text


async def _stream(request: LLMRequest, access: ModelAccess, record: Record) -> AsyncGenerator[str]:
    """Give out one call's text, and record the call however it ends."""
    call = _Call(request, access)
    error_code, is_cancelled = "", False
    try:
        text = await call.first_text()
        while text:
            yield text
            text = await call.attempt.next_text()
    except GenerationError as error:
        error_code = error.code
        raise
    except (asyncio.CancelledError, GeneratorExit):
        is_cancelled = True
        raise
    finally:
        await call.attempt.close()
        record(call.finished(error_code, is_cancelled))


# What each model refused, so that it is asked in vain once a process and not once a question. Not what its server did:
# behind one address there are models that think, and take no temperature, and others.
_refused_parameters: dict[tuple[Provider, str], set[str]] = {}


class _Call:
    """One call as it goes on: its attempts, and what its record is made of."""

    def __init__(self, request: LLMRequest, access: ModelAccess) -> None:
        self.request, self.access = request, access
        self.provider = provider_of(request.model, access.providers)
        self.started = time.monotonic()
        self.deadline = self.started + access.limits.total_seconds
        self.attempts = 0
        self.first_token_seconds: float | None = None
        self.refused = set(_refused_parameters.get((self.provider, request.model), ()))
        self.attempt = self._new_attempt()

    def _new_attempt(self) -> Attempt:
        return Attempt(
            self.request,
            self.provider,
            self.access.limits,
            deadline=self.deadline,
            refused=self.refused,
            collect_seconds=self.access.collect_seconds,
        )

    async def first_text(self) -> str:
        """Return the first text of the first attempt that has one; `attempt` goes on with it."""
        failures = 0
        while True:
            self.attempts += 1
            try:
                text = await self.attempt.start()
                break
            except ParameterRefusedError as refused:
                self.refused.add(refused.name)
            except GenerationError as error:
                failures += 1
                pause = self._pause_seconds(failures, self.attempt.retry_after_seconds)
                if not self._is_worth_another(error, failures, pause):
                    raise
                logger.info("llm retry model=%s error=%s pause=%.2f", self.request.model, error.code, pause)
                await asyncio.sleep(pause)
            await self.attempt.close()
            self.attempt = self._new_attempt()
        self.first_token_seconds = time.monotonic() - self.started
        if self.refused:
            _refused_parameters[self.provider, self.request.model] = self.refused
        return text

    def _is_worth_another(self, error: GenerationError, failures: int, pause_seconds: float) -> bool:
        has_time = time.monotonic() + pause_seconds < self.deadline
        is_transient = error.code in RETRIED and error.retryable
        return is_transient and has_time and failures < self.access.limits.max_attempts

    def _pause_seconds(self, failures: int, retry_after_seconds: float | None) -> float:
        limits = self.access.limits
        if retry_after_seconds is not None:
            return min(retry_after_seconds, limits.retry_after_max_seconds)
        pause = min(limits.backoff_seconds * 2.0 ** (failures - 1), limits.backoff_max_seconds)
        # Those that failed together do not come back together.
        return pause * random.uniform(0.5, 1.0)  # noqa: S311

    def finished(self, error_code: str, is_cancelled: bool) -> LLMCall:
        """Return the record, with the price of this moment."""
        attempt, usage = self.attempt, self._usage()
        provider, model = split_model_name(self.request.model)
        price = price_for(
            provider,
            model,
            at=datetime.now(UTC),
            overrides=self.access.price_overrides,
            input_tokens=usage.input_tokens if usage else 0,
        )
        call = LLMCall(
            purpose=self.request.purpose,
            model=self.request.model,
            prompt_name=self.request.prompt.name,
            prompt_sha256=self.request.prompt.sha256,
            duration_seconds=time.monotonic() - self.started,
            first_token_seconds=self.first_token_seconds,
            usage=usage,
            price=price,
            cost_usd=cost_usd(usage, price),
            attempts=self.attempts,
            finish_reason="cancelled" if is_cancelled else attempt.reading.finish_reason,
            request_id=attempt.request_id,
            response_id=attempt.reading.response_id,
            response_model=attempt.reading.response_model,
            error_code=error_code,
            temperature=None if TEMPERATURE in self.refused else self.request.temperature,
            max_output_tokens=self.request.max_output_tokens,
            prompt=self.request.prompt,
            reply=attempt.reading.generated,
        )
        logger.info(
            "llm call model=%s purpose=%s attempts=%d seconds=%.3f finish=%s error=%s request_id=%s",
            call.model,
            call.purpose,
            call.attempts,
            call.duration_seconds,
            call.finish_reason,
            call.error_code,
            call.request_id,
        )
        return call

    def _usage(self) -> Usage | None:
        """Return the server's counts, else an estimate of what went over the wire; None when it took nothing in."""
        reading, count = self.attempt.reading, self.access.count_tokens
        if reading.usage is not None:
            return reading.usage
        if not self.attempt.is_accepted:
            return None
        given = sum(count(message.content) for message in self.request.prompt.messages)
        return Usage(given, count(reading.generated) if reading.is_alive else 0, estimated=True)

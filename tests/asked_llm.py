"""Requests to the scripted server, with limits, and what came of them."""

import asyncio
from dataclasses import replace

from chat.exceptions import GenerationError
from chat.rag.config import LLMCall, LLMRequest, Message, Prompt, Provider, Purpose
from chat.rag.llm import Limits, ModelAccess, open_stream
from tests.fakes import FakeLLM

PROMPT = Prompt("answer_v1", "0" * 64, (Message("system", "Answer."), Message("user", "Where is it?")))

# Those that no test waits for are long, as another process may have the processor for a while.
LIMITS = Limits(
    connect_seconds=30,
    first_token_seconds=30,
    between_tokens_seconds=30,
    total_seconds=60,
    backoff_seconds=0.01,
    retry_after_max_seconds=0.3,
)

# For a server that falls silent, which a test waits for.
IMPATIENT = replace(LIMITS, first_token_seconds=0.5, between_tokens_seconds=0.5)


def make_request(model: str = "fake/default", **overrides) -> LLMRequest:
    return LLMRequest(**{"model": model, "purpose": Purpose.ANSWER, "prompt": PROMPT, **overrides})


def make_access(fake_llm: FakeLLM, **overrides) -> ModelAccess:
    providers = {"fake": Provider("fake", fake_llm.base_url, "sk-secret")}
    return ModelAccess(**{"providers": providers, "limits": LIMITS, **overrides})


def ask(access: ModelAccess, request: LLMRequest, **options) -> tuple[str, list[LLMCall], GenerationError | None]:
    """Return the text that was given out, the recorded calls, and the error, if any."""
    pieces: list[str] = []
    calls: list[LLMCall] = []

    async def read() -> None:
        async with open_stream(request, access=access, record=calls.append, **options) as texts:
            async for text in texts:
                pieces.append(text)  # noqa: PERF401 - what came before an error is wanted too

    try:
        asyncio.run(read())
    except GenerationError as error:
        return "".join(pieces), calls, error
    return "".join(pieces), calls, None

"""Calls that the stages before an answer make: a model's help, and a server's vectors. Each is recorded, and a model's
help is waited for only so long, since somebody waits for the answer."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from chat.rag.config import LLMCall, LLMRequest, Prompt, Purpose, Usage
from chat.rag.embed import Embedded
from chat.rag.llm import ModelAccess, complete, split_model_name
from chat.rag.prices import PriceOverride, cost_usd, price_for

Record = Callable[[LLMCall], None]

# A stage that only makes an answer better does not hold it up for longer; the answer goes on without it.
STAGE_LIMIT_SECONDS = 20.0
# Of a list of phrasings or numbers: several times what it needs.
LIST_MAX_TOKENS = 500


async def ask_for_list(
    prompt: Prompt,
    *,
    model: str,
    purpose: Purpose,
    schema: Mapping[str, object],
    temperature: float | None,
    access: ModelAccess,
    record: Record,
) -> str:
    """Return a model's reply to a prompt that asks for a list, at most STAGE_LIMIT_SECONDS later.

    Raises GenerationError and ConfigurationError.
    """
    limits = access.limits
    seconds = min(STAGE_LIMIT_SECONDS, limits.total_seconds)
    patience = replace(limits, total_seconds=seconds, first_token_seconds=min(seconds, limits.first_token_seconds))
    request = LLMRequest(
        model=model,
        purpose=purpose,
        prompt=prompt,
        temperature=temperature,
        max_output_tokens=LIST_MAX_TOKENS,
        output_schema=schema,
    )
    return await complete(request, access=replace(access, limits=patience), record=record)


def embedding_call(
    embedder: str,
    begun: float,
    embedded: Embedded | None,
    *,
    overrides: tuple[PriceOverride, ...],
    error_code: str = "",
) -> LLMCall | None:
    """Return the record of a server's vector, `begun` at a time of time.perf_counter(); None for the local embedder,
    which is no call."""
    provider, model = split_model_name(embedder)
    if provider == "local":
        return None
    tokens = embedded.input_tokens if embedded else None
    usage = Usage(tokens, 0) if tokens is not None else None
    price = price_for(provider, model, at=datetime.now(UTC), overrides=overrides)
    return LLMCall(
        purpose=Purpose.EMBEDDING,
        model=embedder,
        prompt_name="",
        prompt_sha256="",
        duration_seconds=time.perf_counter() - begun,
        usage=usage,
        price=price,
        cost_usd=cost_usd(usage, price),
        error_code=error_code,
    )

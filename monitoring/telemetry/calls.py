"""A call to a model as it is sent: its span, and what tells one kind of call from another."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from chat.models import LLMCall
from chat.rag.config import LLMCall as CallData
from chat.rag.config import Purpose
from chat.rag.llm import split_model_name
from monitoring.telemetry import names

# The conventions' names of servers that are usually called otherwise in LLM_PROVIDERS; the rest keep theirs.
PROVIDER_NAMES = {"mistral": "mistral_ai", "xai": "x_ai", "azure": "azure.ai.openai", "gemini": "gcp.gemini"}
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Call:
    """A call, stored or about to be. None: unknown."""

    purpose: str
    model: str
    response_model: str
    prompt_name: str
    input_tokens: int | None
    cached_input_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    tokens_estimated: bool
    cost_usd: Decimal | None
    duration_seconds: float
    first_token_seconds: float | None
    attempts: int
    finish_reason: str
    request_id: str
    response_id: str
    error_code: str
    temperature: float | None = None
    max_output_tokens: int | None = None


NOT_STORED = ("temperature", "max_output_tokens")


def stored_call(row: LLMCall, made: CallData | None = None) -> Call:
    """Return a call by its row; `made`: what this process remembers of it besides."""
    told = {name: getattr(row, name) for name in Call.__slots__ if name not in NOT_STORED}
    return Call(**told, **({name: getattr(made, name) for name in NOT_STORED} if made else {}))


def made_call(call: CallData) -> Call:
    usage = call.usage
    return Call(
        purpose=call.purpose.value,
        model=call.model,
        response_model=call.response_model,
        prompt_name=call.prompt_name,
        input_tokens=usage.input_tokens if usage else None,
        cached_input_tokens=usage.cached_input_tokens if usage else None,
        output_tokens=usage.output_tokens if usage else None,
        reasoning_tokens=usage.reasoning_tokens if usage and not usage.estimated else None,
        tokens_estimated=bool(usage and usage.estimated),
        cost_usd=call.cost_usd,
        duration_seconds=call.duration_seconds,
        first_token_seconds=call.first_token_seconds,
        attempts=call.attempts,
        finish_reason=call.finish_reason,
        request_id=call.request_id,
        response_id=call.response_id,
        error_code=call.error_code,
        temperature=call.temperature,
        max_output_tokens=call.max_output_tokens,
    )


def response_ids(turn_ids: Iterable[int]) -> dict[int, str]:
    """Return by turn the id of what its model wrote, which is what scores and votes are of; no entry where no model
    answered. One query."""
    calls = LLMCall.objects.filter(turn_id__in=turn_ids, purpose=Purpose.ANSWER.value, error_code="").order_by("pk")
    return {call.turn_id: call.response_id for call in calls.only("turn_id", "response_id") if call.turn_id}


def kind_of(call: Call) -> dict[str, str | int | bool]:
    """Return what metrics tell calls apart by: few values each."""
    operation = names.EMBEDDINGS if call.purpose == Purpose.EMBEDDING else names.CHAT
    told = {names.RESPONSE_MODEL: call.response_model} if call.response_model else {}
    return {names.OPERATION: operation, names.PURPOSE: call.purpose, **model_attributes(call.model), **told}


def model_attributes(name: str) -> dict[str, str | int | bool]:
    """Return the attributes of a model "provider/model", with where its server is."""
    provider, model = split_model_name(name)
    attributes: dict[str, str | int | bool] = {
        names.PROVIDER: PROVIDER_NAMES.get(provider, provider),
        names.REQUEST_MODEL: model,
    }
    if server := settings.PROVIDERS.get(provider):
        url = urlsplit(server.base_url)
        if url.hostname:
            attributes[names.SERVER_ADDRESS] = url.hostname
            attributes[names.SERVER_PORT] = url.port or DEFAULT_PORTS.get(url.scheme, 443)
    return attributes


def send_call(
    tracer: Tracer, call: Call, *, around: Context, start: int, more: dict[str, AttributeValue] | None = None
) -> int:
    """Send the span of a call that began at `start`, in nanoseconds since 1970; return when it ended."""
    kind = kind_of(call)
    end = start + nanoseconds(call.duration_seconds)
    span = tracer.start_span(
        f"{kind[names.OPERATION]} {kind[names.REQUEST_MODEL]}",
        context=around,
        kind=SpanKind.CLIENT,
        attributes={**kind, **_attributes(call), **(more or {})},
        start_time=start,
    )
    if call.error_code:
        span.set_status(Status(StatusCode.ERROR))
    span.end(end)
    return end


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def known(attributes: dict[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    """Leave out what is unknown or empty: an attribute that is not there says so."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _attributes(call: Call) -> dict[str, AttributeValue]:
    is_chat = call.purpose != Purpose.EMBEDDING
    tokens: dict[str, AttributeValue | None] = (
        {names.ESTIMATED_INPUT_TOKENS: call.input_tokens, names.ESTIMATED_OUTPUT_TOKENS: call.output_tokens}
        if call.tokens_estimated
        else {
            names.INPUT_TOKENS: call.input_tokens,
            names.CACHED_TOKENS: call.cached_input_tokens if is_chat else None,
            names.OUTPUT_TOKENS: call.output_tokens if is_chat else None,
            names.REASONING_TOKENS: call.reasoning_tokens if is_chat else None,
        }
    )
    return known(
        {
            **tokens,
            names.PROMPT_NAME: call.prompt_name,
            names.REQUEST_STREAM: True if is_chat else None,
            names.REQUEST_TEMPERATURE: call.temperature,
            names.REQUEST_MAX_TOKENS: call.max_output_tokens,
            names.RESPONSE_ID: call.response_id,
            names.FINISH_REASONS: [call.finish_reason] if call.finish_reason else None,
            names.TIME_TO_FIRST_CHUNK: call.first_token_seconds,
            names.ATTEMPTS: call.attempts,
            names.REQUEST_ID: call.request_id,
            names.COST_USD: None if call.cost_usd is None else float(call.cost_usd),
            names.ERROR_TYPE: call.error_code,
        }
    )

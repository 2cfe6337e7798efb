"""What an answer may cost at most, before it is asked for.

Each call that its config can make is taken at its largest: a prompt as long as prompts get, at one token a character,
and an output as long as the config allows. Where a config sets no most output tokens, an answer is taken to end before
OUTPUT_MAX_TOKENS: at 100 tokens a second it is cut off before that, by LLM_TOTAL_TIMEOUT_SECONDS.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from django.conf import settings

from chat.rag.config import Recipe, Reranker, Usage
from chat.rag.llm import split_model_name
from chat.rag.prices import cost_usd, price_for
from chat.rag.prompt import HISTORY_MAX_CHARS, RERANK_MAX_CHARS, SOURCES_MAX_CHARS
from chat.rag.retrieve import REWRITE_MAX_TOKENS
from chat.rag.stage_calls import LIST_MAX_TOKENS
from chat.services.prices import price_overrides

OUTPUT_MAX_TOKENS = 32_768
# Of a prompt besides its sources, history and question: instructions, and the title and headings of each hit.
INSTRUCTIONS_MAX_CHARS, HEAD_MAX_CHARS = 4_000, 1_500


def ceiling_usd(recipe: Recipe) -> Decimal:
    """Return what one answer under a recipe costs at most, as far as prices are known; 0: it is free."""
    question = settings.QUESTION_MAX_CHARS + INSTRUCTIONS_MAX_CHARS
    prompt = question + HISTORY_MAX_CHARS + SOURCES_MAX_CHARS + recipe.top_k * HEAD_MAX_CHARS
    written = recipe.max_output_tokens or OUTPUT_MAX_TOKENS
    parts = [(recipe.model, prompt, written), (recipe.embedder, recipe.query_count * question, 0)]
    if recipe.fallback_model:
        parts.append((recipe.fallback_model, prompt, written))
    if recipe.rewrite:
        parts.append((recipe.model, question + HISTORY_MAX_CHARS, REWRITE_MAX_TOKENS))
    if recipe.query_count > 1:
        parts.append((recipe.model, question, LIST_MAX_TOKENS))
    if recipe.rerank is Reranker.LLM:
        passages = RERANK_MAX_CHARS + recipe.rerank_depth * HEAD_MAX_CHARS
        parts.append((recipe.rerank_model or recipe.model, question + passages, LIST_MAX_TOKENS))
    costs = [_cost(model, Usage(given, made)) for model, given, made in parts]
    return sum((cost for cost in costs if cost is not None), Decimal(0))


def are_free(models: Iterable[str]) -> bool:
    """Return whether all of these models and embedders are known to cost nothing."""
    return all(_cost(model, Usage(1_000_000, 1_000_000)) == 0 for model in models if model)


def models_of(recipe: Recipe) -> list[str]:
    """Return the models and the embedder that a recipe may ask."""
    return [
        recipe.model,
        recipe.embedder,
        recipe.fallback_model,
        recipe.rerank_model if recipe.rerank is Reranker.LLM else "",
    ]


def _cost(name: str, usage: Usage) -> Decimal | None:
    provider, model = split_model_name(name)
    price = price_for(
        provider, model, at=datetime.now(UTC), overrides=price_overrides(), input_tokens=usage.input_tokens
    )
    return cost_usd(usage, price)

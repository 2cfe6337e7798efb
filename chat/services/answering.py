"""From a stored turn to what the pipeline needs: the question, its history, the recipe, and the tools to answer
with."""

from dataclasses import replace

from django.conf import settings

from chat.models import PipelineConfig, Turn
from chat.rag.config import AnswerRequest, Exchange, SearchMode
from chat.rag.llm import Limits, ModelAccess
from chat.rag.retrieve import Tools
from chat.services.conversations import HISTORY_TURNS
from chat.services.knowledge import embedder_of, local_embedder
from chat.services.prices import price_overrides

__all__ = ["HISTORY_TURNS", "limits", "prepare", "price_overrides", "tools_of"]


def prepare(turn_id: int) -> tuple[AnswerRequest, Tools]:
    """Return what `chat.rag.pipeline` needs to answer a stored turn. At most two queries, now and then the prices."""
    turn = Turn.objects.select_related("config__embedder").get(pk=turn_id)
    recipe = replace(turn.config.recipe(), search_mode=SearchMode(turn.search_mode), model=turn.model)
    request = AnswerRequest(
        question=turn.question,
        collection_id=turn.collection_id,
        recipe=recipe,
        history=_history(turn),
    )
    return request, tools_of(turn.config)


def tools_of(config: PipelineConfig) -> Tools:
    """Return what a config's questions are worked on with; reads `embedder`, and now and then the prices.

    Raises ConfigurationError when its embedder is not set up here.
    """
    return Tools(
        embedder=embedder_of(config.embedder),
        embedder_id=config.embedder.pk,
        dimensions=config.embedder.dimensions,
        access=ModelAccess(settings.PROVIDERS, limits=limits(), price_overrides=price_overrides()),
        reranker=local_embedder(),
    )


def limits() -> Limits:
    """Return the time limits and number of attempts for calls to models, from the settings."""
    return Limits(
        connect_seconds=settings.LLM_CONNECT_TIMEOUT_SECONDS,
        first_token_seconds=settings.LLM_FIRST_TOKEN_TIMEOUT_SECONDS,
        between_tokens_seconds=settings.LLM_BETWEEN_TOKENS_TIMEOUT_SECONDS,
        total_seconds=settings.LLM_TOTAL_TIMEOUT_SECONDS,
        max_attempts=settings.LLM_MAX_ATTEMPTS,
    )


def _history(turn: Turn) -> tuple[Exchange, ...]:
    if turn.given_history is not None:
        return tuple(Exchange(said["question"], said["answer"]) for said in turn.given_history)
    if turn.position == 1:
        return ()
    earlier = (
        Turn.objects.current()
        .filter(
            conversation_id=turn.conversation_id,
            position__lt=turn.position,
            status__in=[Turn.Status.DONE, Turn.Status.STOPPED],
        )
        .order_by("-position")
        .values_list("question", "answer")[:HISTORY_TURNS]
    )
    return tuple(Exchange(question, answer) for question, answer in reversed(earlier))

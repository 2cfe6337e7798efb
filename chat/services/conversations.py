"""Asking, and everything a user does to a conversation. Errors are ChatErrors with a message for people."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from chat.exceptions import ChatError, QuestionRefusedError
from chat.models import (
    ClientConversation,
    Collection,
    Conversation,
    Feedback,
    Hit,
    ImplicitSignal,
    PipelineConfig,
    Turn,
)
from chat.models.conversation import Origin
from chat.rag.config import Exchange, SearchMode
from chat.services.budgets import admit
from chat.services.configs import check_model_name, pick_config
from chat.trace_context import incoming_traceparent

TITLE_CHARS = 80
HISTORY_TURNS = 6  # earlier exchanges that an answer is given on


def start_conversation(
    *,
    user: Any,
    question: str,
    collection: Collection | None = None,
    model: str = "",
    search_mode: str = "",
    origin: str = Origin.USER,
    config: PipelineConfig | None = None,
    given_history: Sequence[Exchange] | None = None,
) -> Turn:
    """Begin a conversation with its first question; the turn waits (PENDING) until somebody reads its stream. `config`
    None: the default one, or what an experiment assigns. `given_history`: what was said elsewhere before."""
    question = _checked_question(question)
    _check_choices(model=model, search_mode=search_mode)
    with transaction.atomic():
        conversation = Conversation.objects.create(
            user=user,
            title=title_for(question),
            collection=collection,
            model=model,
            search_mode=search_mode,
            origin=origin,
            config=config,
        )
        return _create_turn(conversation, question, position=1, given_history=given_history)


def ask(
    *, conversation: Conversation, question: str, origin: str = "", given_history: Sequence[Exchange] | None = None
) -> Turn:
    """Add the next question. Refused while an answer of the conversation is unfinished. `origin` says where it comes
    from; empty: from where the conversation does. `given_history`: what is to count as said before; None: what was."""
    question = _checked_question(question)
    with _locked(conversation.pk, origin) as conversation:
        if conversation.turns.current().unfinished().exists():
            raise QuestionRefusedError("An answer is still being written: wait for it, or stop it first.")
        last = conversation.turns.aggregate(last=Max("position"))["last"] or 0
        return _new_turn(conversation, question, position=last + 1, given_history=given_history)


def regenerate(*, turn: Turn, user: Any, origin: str = "") -> Turn:
    """Answer the question of `turn` again (also: retry); the new turn takes its place, the old one stays on record."""
    return _replace(turn, question=turn.question, user=user, kind=ImplicitSignal.Kind.REGENERATE, origin=origin)


def edit_question(*, turn: Turn, question: str, user: Any, origin: str = "") -> Turn:
    """Replace the last question of a conversation and answer the new one."""
    question = _checked_question(question)
    return _replace(turn, question=question, user=user, kind=ImplicitSignal.Kind.EDIT, origin=origin)


def rename_conversation(*, conversation: Conversation, title: str) -> None:
    """Give a conversation another title."""
    title = " ".join(title.split())
    if not title:
        raise ChatError("A title needs at least one character.")
    conversation.title = title[: Conversation._meta.get_field("title").max_length]
    conversation.save(update_fields=["title"])


def set_choices(
    *, conversation: Conversation, model: str = "", search_mode: str = "", collection: Collection | None = None
) -> None:
    """Set what the user chose for the next questions; empty means: as the config says, or all collections."""
    _check_choices(model=model, search_mode=search_mode)
    conversation.model, conversation.search_mode, conversation.collection = model, search_mode, collection
    conversation.save(update_fields=["model", "search_mode", "collection"])


def delete_conversation(*, conversation: Conversation) -> None:
    """Hide a conversation and remove its texts for good; tokens, cost, times and votes stay for the figures."""
    with transaction.atomic():
        turns = Turn.objects.filter(conversation=conversation)
        now = timezone.now()
        turns.unfinished().update(stop_requested_at=now)
        turns.update(question="", answer="", search_query="", error_message="", given_history=None)
        Hit.objects.filter(turn__conversation=conversation).update(text="", heading_path="", document_title="")
        Feedback.objects.filter(turn__conversation=conversation).update(comment="")
        ClientConversation.objects.filter(conversation=conversation).delete()  # hashes of texts
        Conversation.objects.filter(pk=conversation.pk).update(title="", deleted_at=now)


def title_for(question: str) -> str:
    """Return a conversation's title: the beginning of its first question, cut at a word."""
    title = " ".join(question.split())
    if len(title) <= TITLE_CHARS:
        return title
    return title[: TITLE_CHARS - 1].rsplit(" ", 1)[0].rstrip(",.;:") + "…"


def _checked_question(question: str) -> str:
    question = question.replace("\x00", "").strip()
    if not question:
        raise QuestionRefusedError("Type a question first.")
    if len(question) > settings.QUESTION_MAX_CHARS:
        raise QuestionRefusedError(
            f"The question has {len(question):,} characters; at most {settings.QUESTION_MAX_CHARS:,} are possible."
            " Shorten it, or split it into several."
        )
    return question


def _check_choices(*, model: str, search_mode: str) -> None:
    if model:
        check_model_name(model)
    if search_mode and search_mode not in [mode.value for mode in SearchMode]:
        raise ChatError(f'"{search_mode}" is no search mode; choose text, vector or hybrid.')


class _locked:  # noqa: N801 # reads as a phrase: with _locked(...)
    """A transaction that holds the conversation's row, so that two windows cannot ask at the same moment. What is asked
    has the origin of this question, which may be another one than that of the conversation."""

    def __init__(self, conversation_id: UUID, origin: str) -> None:
        self.conversation_id, self.origin = conversation_id, origin
        self.atomic = transaction.atomic()

    def __enter__(self) -> Conversation:
        self.atomic.__enter__()
        conversation = Conversation.objects.select_for_update(of=("self",)).get(pk=self.conversation_id)
        conversation.origin = self.origin or conversation.origin  # of what follows, such as the turn; not saved
        return conversation

    def __exit__(self, *error: Any) -> None:
        self.atomic.__exit__(*error)


def _replace(turn: Turn, *, question: str, user: Any, kind: str, origin: str) -> Turn:
    with _locked(turn.conversation_id, origin) as conversation:
        turn = Turn.objects.get(pk=turn.pk)
        last = conversation.turns.current().order_by("-position").first()
        if last is None or last.pk != turn.pk:
            raise QuestionRefusedError("Only the last question of a conversation can be asked again.")
        if not turn.is_finished:
            raise QuestionRefusedError("The answer is still being written: stop it first.")
        ImplicitSignal.objects.create(turn=turn, user=user, kind=kind)
        Turn.objects.filter(pk=turn.pk).update(is_current=False)
        if turn.position == 1 and question != turn.question and conversation.title == title_for(turn.question):
            Conversation.objects.filter(pk=conversation.pk).update(title=title_for(question))
        return _new_turn(conversation, question, position=turn.position, replaces=turn)


def _new_turn(
    conversation: Conversation,
    question: str,
    *,
    position: int,
    replaces: Turn | None = None,
    given_history: Sequence[Exchange] | None = None,
) -> Turn:
    try:
        with transaction.atomic():
            turn = _create_turn(
                conversation, question, position=position, replaces=replaces, given_history=given_history
            )
    except IntegrityError as error:
        raise QuestionRefusedError("This question was asked already, in another window: reload the page.") from error
    Conversation.objects.filter(pk=conversation.pk).update(updated_at=timezone.now())
    return turn


def _create_turn(
    conversation: Conversation,
    question: str,
    *,
    position: int,
    replaces: Turn | None = None,
    given_history: Sequence[Exchange] | None = None,
) -> Turn:
    config: PipelineConfig = pick_config(user=conversation.user, conversation=conversation)
    turn = Turn.objects.create(
        conversation=conversation,
        position=position,
        replaces=replaces,
        question=question,
        given_history=replaces.given_history if replaces else _kept(given_history),
        origin=conversation.origin,
        config=config,
        collection_id=conversation.collection_id,
        search_mode=conversation.search_mode or config.search_mode,
        model=conversation.model or config.model,
        traceparent=incoming_traceparent(),
        heartbeat_at=timezone.now(),
    )
    admit(turn=turn, user_id=conversation.user_id, recipe=replace(config.recipe(), model=turn.model))
    return turn


def _kept(history: Sequence[Exchange] | None) -> list[dict[str, str]] | None:
    """Return a history as it is stored: so many of its last exchanges as an answer is given on."""
    if history is None:
        return None
    return [{"question": exchange.question, "answer": exchange.answer} for exchange in history[-HISTORY_TURNS:]]

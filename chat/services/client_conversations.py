"""Questions of programs that keep the transcript themselves and send it with each question, as OpenAI's clients do.

Which conversation a question belongs to is told by an id that the client sends, or else by the transcript: it is the
user's newest conversation that stands exactly where the client says, by a digest, and otherwise a new one. The answer
is always given on what the client sent. Where that is not what is stored, because somebody edited it or it began
elsewhere, it is kept with the turn (`Turn.given_history`).

The question that was asked last, sent again on the same transcript, is asked again: its new answer takes the place of
the old one, as in the chat.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from chat.exceptions import QuestionRefusedError
from chat.models import ClientConversation, Collection, Conversation, PipelineConfig, Turn
from chat.models.conversation import Origin
from chat.rag.config import Exchange
from chat.services.conversations import ask, regenerate, start_conversation

BUSY = "An answer of this conversation is still being written: wait for it, or stop it first."


class ConversationBusyError(QuestionRefusedError):
    """The conversation has an answer on its way."""

    code = "conversation_busy"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a client sends it. `history`: answered exchanges, oldest first. `client_id`: what it calls the
    conversation; empty: the history tells. `end_user`: whom it asks for; transcripts of two never meet."""

    question: str
    history: tuple[Exchange, ...] = ()
    client_id: str = ""
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What answers: `config` None, `model` and `search_mode` empty: as for anybody else; `collection` None: all."""

    config: PipelineConfig | None = None
    model: str = ""
    search_mode: str = ""
    collection: Collection | None = None


def ask_for_client(*, user: Any, asked: Asked, choices: Choices) -> Turn:
    """Put a question where it belongs and return its turn, which waits to be answered.

    Raises ConversationBusyError where the conversation named has an answer on its way, else as `ask`.
    """
    before = digest_of(asked.history, end_user=asked.end_user)
    try:
        with transaction.atomic():
            found = _named(user, asked.client_id) if asked.client_id else _standing_at(user, before, asked)
            turn = _put(user, found, before, asked, choices)
            values = {"before_sha256": before, "after_sha256": "", "asked_at": timezone.now()}
            rows = ClientConversation.objects.filter(conversation=turn.conversation_id)
            if not (found and rows.update(**values)):
                client_id = "" if found else asked.client_id  # one that was found by its own id has no other
                ClientConversation.objects.create(
                    conversation_id=turn.conversation_id, user=user, client_id=client_id, **values
                )
    except IntegrityError as error:  # two requests began the conversation at the same moment
        raise ConversationBusyError(BUSY) from error
    return turn


def note_answer(*, turn: Turn, asked: Asked) -> None:
    """Keep where the conversation stands after an answer, so that the next question finds it. One query."""
    said = (*asked.history, Exchange(asked.question, turn.answer))
    after = digest_of(said, end_user=asked.end_user) if turn.answer.strip() else ""
    ClientConversation.objects.filter(conversation=turn.conversation_id).update(after_sha256=after)


def digest_of(history: Sequence[Exchange], *, end_user: str) -> str:
    """Return the hash of what was said; space around a text does not count."""
    said = [[exchange.question.strip(), exchange.answer.strip()] for exchange in history]
    return hashlib.sha256(json.dumps([end_user, said]).encode()).hexdigest()


def _named(user: Any, client_id: str) -> Conversation | None:
    """Return the user's conversation that a client calls so, or whose own id it is."""
    own = Conversation.objects.visible_to(user)
    if found := own.filter(client__client_id=client_id, client__user=user).first():
        return found
    try:
        return own.filter(pk=UUID(client_id)).first()
    except ValueError:
        return None


def _standing_at(user: Any, before: str, asked: Asked) -> Conversation | None:
    """Return the newest conversation that goes on with this question, or whose last question it is.

    None at the beginning: many people may begin alike, and no conversation is told apart from others by nothing.
    """
    if not asked.history:
        return None
    rows = ClientConversation.objects.filter(
        user=user, client_id="", conversation__deleted_at__isnull=True
    ).select_related("conversation")
    for row in (
        rows.filter(after_sha256=before).order_by("-asked_at").first(),
        rows.filter(before_sha256=before).order_by("-asked_at").first(),
    ):
        if row is None:
            continue
        last = _last(row.conversation)
        is_here = row.after_sha256 == before or (last and last.question == asked.question)
        if is_here and last and last.is_finished:
            return row.conversation
    return None


def _put(user: Any, found: Conversation | None, before: str, asked: Asked, choices: Choices) -> Turn:
    if found is None:
        return _begin(user, asked, choices)
    try:
        return _go_on(user, found, before, asked, choices)
    except ConversationBusyError:
        if asked.client_id:
            raise
        return _begin(user, asked, choices)  # another request was there at the same moment


def _begin(user: Any, asked: Asked, choices: Choices) -> Turn:
    return start_conversation(
        user=user,
        question=asked.question,
        origin=Origin.API,
        given_history=asked.history or None,
        config=choices.config,
        model=choices.model,
        search_mode=choices.search_mode,
        collection=choices.collection,
    )


def _go_on(user: Any, conversation: Conversation, before: str, asked: Asked, choices: Choices) -> Turn:
    # A second request waits here until the first one has asked, and finds its unfinished turn.
    conversation = Conversation.objects.select_for_update(of=("self",)).get(pk=conversation.pk)
    last = _last(conversation)
    if last and not last.is_finished:
        raise ConversationBusyError(BUSY)
    Conversation.objects.filter(pk=conversation.pk).update(
        config=choices.config,
        model=choices.model,
        search_mode=choices.search_mode,
        collection=choices.collection,
    )
    row = ClientConversation.objects.filter(conversation=conversation).first()
    if last and row and row.before_sha256 == before and last.question == asked.question:
        return regenerate(turn=last, user=user, origin=Origin.API)
    is_own = digest_of(_transcript(conversation), end_user=asked.end_user) == before
    return ask(
        conversation=conversation,
        question=asked.question,
        origin=Origin.API,
        given_history=None if is_own else asked.history,
    )


def _last(conversation: Conversation) -> Turn | None:
    return conversation.turns.current().order_by("-position").first()


def _transcript(conversation: Conversation) -> list[Exchange]:
    """Return what was asked and answered in a conversation, oldest first."""
    turns = conversation.turns.current().filter(status__in=[Turn.Status.DONE, Turn.Status.STOPPED])
    pairs = turns.order_by("position").values_list("question", "answer")
    return [Exchange(question, answer) for question, answer in pairs if answer.strip()]

"""Really asking: a synthetic user's question goes the way that any other goes, through the services of the chat, and is
answered by the pipeline under the config that holds."""

import asyncio
from types import TracebackType

from django.contrib.auth import get_user_model
from django.utils import timezone

from chat.exceptions import ChatError
from chat.models import Collection, Conversation, Turn
from chat.models.conversation import Origin
from chat.rag.llm import close_clients
from chat.services.answering import prepare
from chat.services.conversations import ask, start_conversation
from chat.services.feedback import give_feedback, record_signal
from chat.services.turns import claim_turn, finish_turn
from chat.services.unattended import answer
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.writing import Writing


class Visitor:
    """Puts the questions of a block, by their places in it; conversations go on where they were."""

    def __init__(self, writing: Writing, block: Block) -> None:
        self._writing, self._block = writing, block
        self._conversations: dict[int, Conversation] = {}
        self._runner = asyncio.Runner()

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._runner.run(close_clients())
        self._runner.close()

    def ask(self, place: int) -> Turn:
        """Ask one question, wait for its answer, and react to it as its user would."""
        asked = self._block.asked
        user = get_user_model()._default_manager.get(pk=self._writing.standing.user_ids[int(asked.user[place])])
        question = self._writing.world.library.items[int(asked.item[place])].question
        session = int(asked.session[place])
        conversation = self._conversations.get(session)
        if conversation is None:
            collection = Collection.objects.get(pk=self._writing.world.library.collection_ids[int(asked.topic[place])])
            turn = start_conversation(user=user, question=question, collection=collection, origin=Origin.SYNTHETIC)
            self._conversations[session] = turn.conversation
        else:
            turn = ask(conversation=conversation, question=question)
        self._answer(turn)
        self._react(turn, user, place)
        return turn

    def _answer(self, turn: Turn) -> None:
        if not claim_turn(turn.pk):
            return
        try:
            request, tools = prepare(turn.pk)
        except ChatError as error:
            Turn.objects.filter(pk=turn.pk, status=Turn.Status.STREAMING).update(
                status=Turn.Status.FAILED,
                error_code=error.code,
                error_message=str(error),
                finished_at=timezone.now(),
            )
            return
        answered = self._runner.run(answer(request, tools))
        finish_turn(
            turn_id=turn.pk,
            status=answered.status,
            result=answered.result,
            error_code=answered.error_code,
            error_message=answered.error_message,
        )

    def _react(self, turn: Turn, user: object, place: int) -> None:
        turn.refresh_from_db()
        if turn.status != Turn.Status.DONE:
            return
        votes = self._block.votes
        if votes.is_rated[place]:
            give_feedback(turn=turn, user=user, value=1 if votes.is_up[place] else -1)
        if votes.is_copied[place]:
            record_signal(turn=turn, user=user, kind="COPY")

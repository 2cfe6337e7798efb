"""The tasks of an order by a model: some requests are under way at once, and each answer is stored as it comes."""

from concurrent.futures import FIRST_COMPLETED, Future, wait

from django.conf import settings

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from chat.rag.llm import ModelAccess
from chat.services.answering import limits, price_overrides
from chat.services.turns import record_calls
from monitoring.models import Generation, GenerationTask
from monitoring.synthetic.asking import Answer, Asker
from monitoring.synthetic.filters import Looker
from monitoring.synthetic.pace import Working
from monitoring.synthetic.writing import (
    Work,
    check_request,
    questions_request,
    store_check,
    store_questions,
    store_written,
    work_of,
)

TaskStatus = GenerationTask.Status


def ask_for_questions(generation: Generation, working: Working) -> None:
    """Have all tasks answered that wait. A stop, or too many failures, lets the requests that are under way finish, for
    they are paid; then it is raised as StoppedError or DatasetError."""
    access = ModelAccess(settings.PROVIDERS, limits=limits(), price_overrides=price_overrides())
    with Asker(access) as asker:
        conversation = _Conversation(generation, working, asker)
        try:
            conversation.hold()
        finally:
            record_calls(calls=asker.abandon(), origin=Origin.EVALUATION)
    if conversation.stop is not None:
        raise conversation.stop


class _Conversation:
    """All requests of an order, as far as they are not answered."""

    def __init__(self, generation: Generation, working: Working, asker: Asker) -> None:
        self._generation, self._working, self._asker = generation, working, asker
        self._looker = Looker.of(generation.collection_id)
        self._under_way: dict[Future[Answer], tuple[Work, bool]] = {}  # whether it is a check
        self.stop: ChatError | None = None

    def hold(self) -> None:
        open_tasks = self._generation.tasks.filter(status__in=[TaskStatus.WAITING, TaskStatus.WRITTEN])
        due = iter(list(open_tasks.order_by("position")))
        while True:
            while self.stop is None and len(self._under_way) < self._working.concurrency and (task := next(due, None)):
                self._begin(work_of(self._generation, task))
            if not self._under_way:
                return
            for future in wait(self._under_way, return_when=FIRST_COMPLETED).done:
                work, is_check = self._under_way.pop(future)
                self._go_on(work, future.result(), is_check=is_check)

    def _begin(self, work: Work) -> None:
        """Send the next request of a task. One whose documents or questions are gone is done."""
        is_check = work.task.status == TaskStatus.WRITTEN
        asked = None
        if work.passages and is_check:
            asked = check_request(self._generation, work, self._looker)
        elif work.passages:
            asked = questions_request(self._generation, work)
        if asked is None:
            store_written(work.task, ())
            self._working.on_progress(1)
        else:
            self._under_way[self._asker.ask(asked)] = work, is_check

    def _go_on(self, work: Work, answer: Answer, *, is_check: bool) -> None:
        """Store an answer, and send the check of its questions."""
        if not is_check and store_questions(self._generation, work, answer):
            work.task.status = TaskStatus.WRITTEN
            self._begin(work)
        else:
            if is_check:
                store_check(work, answer)
            self._working.on_progress(1)
        try:
            self._working.note(answer.error)
            self._working.check(self._generation)
        except ChatError as error:
            self.stop = self.stop or error

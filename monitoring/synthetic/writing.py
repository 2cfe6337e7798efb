"""The tasks of an order: questions by a model or by templates, each task stored when it is answered.

A task is stored with its questions and calls in one transaction, and its check in a second one, so that a process that
dies loses no more than the answers that were on their way.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F

from chat.models import Chunk
from chat.models.conversation import Origin
from chat.rag.config import LLMCall, LLMRequest
from chat.rag.words import stems
from chat.services.turns import record_calls
from monitoring.models import GeneratedQuestion, Generation, GenerationTask
from monitoring.synthetic.asking import (
    QUESTION_TOKENS,
    VERDICT_TOKENS,
    Answer,
    Person,
    check_prompt,
    people,
    question_prompt,
    request,
)
from monitoring.synthetic.filters import Looker
from monitoring.synthetic.passages import Passage, Span, Written, passages_of, spread
from monitoring.synthetic.replies import Reply, read_questions, read_verdicts

Kind, TaskStatus, Outcome = GenerationTask.Kind, GenerationTask.Status, GeneratedQuestion.Outcome

# An unanswerable question is checked against its document and what a search for it finds elsewhere.
_HITS_CHECKED = 6
_OWN_CHARS_CHECKED = 5000


@dataclass(frozen=True, slots=True)
class Work:
    """A task with what its requests are made of: the same whenever it is taken up."""

    task: GenerationTask
    passages: list[Passage]
    asking: list[Person]


def work_of(generation: Generation, task: GenerationTask) -> Work:
    """Read the documents of a task."""
    rng = random.Random(f"{generation.seed}:{task.position}")  # noqa: S311
    found = passages_of(task.document_ids)
    each = [spread(found.get(document_id, []), rng) for document_id in task.document_ids]
    return Work(task, [passage for passages in each for passage in passages], people(task.count, rng))


def questions_request(generation: Generation, work: Work) -> LLMRequest:
    """Return the request that a task begins with."""
    prompt = question_prompt(work.task.kind, work.passages, work.asking)
    return request(generation.model, prompt, items=work.task.count, tokens_each=QUESTION_TOKENS)


def check_request(generation: Generation, work: Work, looker: Looker) -> LLMRequest | None:
    """Return the request that checks a task's questions, None when it has none."""
    questions = [row.question for row in waiting_of(work.task)]
    if not questions:
        return None
    passages = work.passages
    if work.task.kind == Kind.UNANSWERABLE:
        rng = random.Random(generation.seed)  # noqa: S311
        passages = [*spread(passages, rng, max_chars=_OWN_CHARS_CHECKED), *_elsewhere(work, questions, looker)]
    prompt = check_prompt(passages, questions)
    return request(generation.model, prompt, items=len(questions), tokens_each=VERDICT_TOKENS)


def store_questions(generation: Generation, work: Work, answer: Answer) -> bool:
    """Keep what a model answered; return whether the task goes on to its check."""
    replies = read_questions(answer.text)[: work.task.count] if answer.error is None else []
    error = str(answer.error) if answer.error else "" if replies else "the answer has no questions in it"
    is_checked = generation.is_checked and bool(replies)
    status = TaskStatus.FAILED if error else TaskStatus.WRITTEN if is_checked else TaskStatus.DONE
    written = [
        Written(reply.question, reply.answer if spans else "", person.name, spans)
        for reply, person in zip(replies, work.asking, strict=False)
        for spans in [_spans(work, reply)]
    ]
    with transaction.atomic():
        _add_questions(work.task, written)
        _update(work.task, answer.calls, status=status, error=error, attempts=work.task.attempts + 1)
    return status == TaskStatus.WRITTEN


def store_check(work: Work, answer: Answer) -> None:
    """Keep what a model said of a task's questions. A check that failed leaves them unchecked, and says so."""
    rows = waiting_of(work.task)
    verdicts = read_verdicts(answer.text, len(rows)) if answer.error is None else None
    error = ""
    if verdicts is None:
        reason = str(answer.error) if answer.error else "the answer does not say so of each question"
        error = f"its questions are not checked: {reason}"
    with transaction.atomic():
        for row, is_answered in zip(rows, verdicts or [], strict=False):
            if work.task.kind == Kind.UNANSWERABLE and is_answered:
                row.outcome, row.reason = Outcome.ANSWERED, "the model says that the documents answer it"
            elif work.task.kind != Kind.UNANSWERABLE and not is_answered:
                row.outcome, row.reason = Outcome.NOT_ANSWERED, "the model says that its document does not answer it"
        GeneratedQuestion.objects.bulk_update(rows, ["outcome", "reason"])
        _update(work.task, answer.calls, status=TaskStatus.DONE, error=error)


def store_written(task: GenerationTask, written: Sequence[Written]) -> None:
    """Keep what the templates made of a task."""
    with transaction.atomic():
        _add_questions(task, written)
        _update(task, (), status=TaskStatus.DONE, error="")


def waiting_of(task: GenerationTask) -> list[GeneratedQuestion]:
    """Return the questions of a task that nothing is decided of."""
    return list(task.questions.filter(outcome=Outcome.WAITING).order_by("pk"))


def _add_questions(task: GenerationTask, written: Sequence[Written]) -> None:
    GeneratedQuestion.objects.bulk_create(
        GeneratedQuestion(
            generation_id=task.generation_id,
            task=task,
            question=one.question.replace("\0", ""),
            expected_answer=one.expected_answer.replace("\0", ""),
            style=one.style,
            spans=[list(span) for span in one.spans],
        )
        for one in written
    )


def _update(task: GenerationTask, calls: Sequence[LLMCall], *, status: str, error: str, attempts: int = 0) -> None:
    record_calls(calls=calls, origin=Origin.EVALUATION)
    known = [call.cost_usd for call in calls if call.cost_usd is not None]
    GenerationTask.objects.filter(pk=task.pk).update(
        status=status,
        error=error[:500],
        attempts=attempts or F("attempts"),
        calls=F("calls") + len(calls),
        unpriced_calls=F("unpriced_calls") + len(calls) - len(known),
        cost_usd=F("cost_usd") + sum(known),
    )


def _spans(work: Work, reply: Reply) -> tuple[Span, ...]:
    """Return where the answer stands: the passages that the model named, or the one of each document that says most of
    it where it named none of that. An unanswerable question stands nowhere."""
    if work.task.kind == Kind.UNANSWERABLE:
        return ()
    named = [work.passages[number - 1] for number in reply.passages if 1 <= number <= len(work.passages)]
    said = stems(f"{reply.question} {reply.answer}")
    for document_id in work.task.document_ids:
        own = [passage for passage in work.passages if passage.document_id == document_id]
        if own and not any(passage.document_id == document_id for passage in named):
            named.append(max(own, key=lambda passage: len(said & stems(passage.text))))
    return tuple(dict.fromkeys(passage.span for passage in named))


def _elsewhere(work: Work, questions: Sequence[str], looker: Looker) -> Iterator[Passage]:
    """Yield what a search for the questions finds in other documents."""
    hits = looker.found(questions, looker.vectors(questions))
    best = [hit for each in zip(*hits, strict=False) for hit in each if hit.document_id not in work.task.document_ids]
    chunk_ids = list(dict.fromkeys(hit.chunk_id for hit in best))[:_HITS_CHECKED]
    for chunk in Chunk.objects.filter(pk__in=chunk_ids).order_by("pk"):
        yield Passage(chunk.document_id, chunk.title, chunk.heading_path, chunk.text, chunk.start, chunk.end)

"""The tasks of an order without a model: by templates, one document after the other."""

import random
from collections.abc import Iterator

from chat.models import Chunk
from monitoring.models import Generation, GenerationTask
from monitoring.synthetic.everyday import EVERYDAY
from monitoring.synthetic.pace import Working
from monitoring.synthetic.passages import Written, passages_of
from monitoring.synthetic.rarity import Rarity
from monitoring.synthetic.templates import both_documents, template_questions
from monitoring.synthetic.writing import store_written

Kind, TaskStatus = GenerationTask.Kind, GenerationTask.Status

_RARITY_CHUNKS = 20_000


def make_by_templates(generation: Generation, working: Working) -> None:
    """Do all tasks that wait. Raises StoppedError between two of them."""
    texts = Chunk.objects.filter(collection=generation.collection_id).order_by("pk").values_list("text", flat=True)
    rarity = Rarity(texts[:_RARITY_CHUNKS].iterator())
    everyday = _everyday(generation)
    for number, task in enumerate(generation.tasks.filter(status=TaskStatus.WAITING).order_by("position")):
        if number % 20 == 0:
            working.check(generation)
        store_written(task, _templates_of(generation, task, rarity, everyday))
        working.on_progress(1)


def _templates_of(
    generation: Generation, task: GenerationTask, rarity: Rarity, everyday: Iterator[str]
) -> list[Written]:
    rng = random.Random(f"{generation.seed}:{task.position}")  # noqa: S311
    if task.kind == Kind.UNANSWERABLE:
        return [Written(question, style="everyday") for _, question in zip(range(task.count), everyday, strict=False)]
    found = passages_of(task.document_ids)
    if task.kind == Kind.MULTI:
        firsts = [found[pk][0] for pk in task.document_ids if pk in found]
        return [both_documents(firsts[0], firsts[1], rarity=rarity)] if len(firsts) == 2 else []
    passages = [passage for pk in task.document_ids for passage in found.get(pk, [])]
    return template_questions(passages, count=task.count, rarity=rarity, rng=rng)


def _everyday(generation: Generation) -> Iterator[str]:
    """Yield questions of everyday life that this order has not put yet."""
    asked = set(generation.questions.filter(style="everyday").values_list("question", flat=True))
    shuffled = random.Random(generation.seed).sample(EVERYDAY, len(EVERYDAY))  # noqa: S311
    return iter([question for question in shuffled if question not in asked])

"""An order for questions: its tasks, what they would cost, and the one that goes on where it was stopped."""

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

from django.db import transaction

from chat.models import Collection
from chat.rag.config import Usage
from chat.rag.llm import estimate_tokens, split_model_name
from chat.rag.prices import FREE_PROVIDERS, cost_usd, price_for
from chat.services.answering import price_overrides
from chat.services.configs import check_model_name
from monitoring.datasets import names
from monitoring.exceptions import DatasetError
from monitoring.models import Dataset, Generation, GenerationTask
from monitoring.synthetic.asking import QUESTION_TOKENS, VERDICT_TOKENS, check_prompt, people, question_prompt
from monitoring.synthetic.neighbours import neighbours_of
from monitoring.synthetic.passages import passages_of, spread

MAX_PER_DOCUMENT = 50
# One request for unanswerable questions, and one for questions of two documents, asks for so many.
UNANSWERABLE_EACH = 2
MULTI_EACH = 1
_SAMPLE_TASKS = 40  # whose prompts are made to estimate all

PairsOf = Callable[[Sequence[int], int], list[tuple[int, int]]]  # document ids and how many pairs


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    per_document: int = 5
    unanswerable_ratio: float = 0.1
    multi_document_ratio: float = 0.1
    limit_documents: int | None = None
    seed: int = 1
    model: str = ""  # empty: templates
    is_checked: bool = True


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an order would take. `cost_usd` is None where the price of the model is not known."""

    questions: int
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None


def model_or_templates(name: str) -> str:
    """Return the model as it is asked, empty for the offline answerer, which writes no questions. Raises
    ConfigurationError for one that is not set up."""
    if not name or split_model_name(name)[0] in FREE_PROVIDERS:
        return ""
    check_model_name(name)
    return name


def open_generation(*, dataset: Dataset, collection: Collection, wish: Wish) -> Generation | None:
    """Return the newest order of the same kind that is not finished, to go on with."""
    same = Generation.objects.open().filter(dataset=dataset, collection=collection, **_fields(wish))
    return same.order_by("-pk").first()


def plan_generation(
    *, dataset_name: str, collection: Collection, wish: Wish, author: Any = None, in_worker: bool = False
) -> Generation:
    """Make an order with its tasks; the dataset is made when it is absent. Raises DatasetError for what cannot be."""
    _check(wish)
    names.check_name(dataset_name)
    tasks = _tasks(collection, wish, pairs_of=partial(neighbours_of, collection))
    with transaction.atomic():
        dataset = Dataset.objects.filter(name=dataset_name).first() or names.create_dataset(name=dataset_name)
        generation = Generation.objects.create(
            dataset=dataset, collection=collection, created_by=author, in_worker=in_worker, **_fields(wish)
        )
        for position, task in enumerate(tasks):
            task.generation, task.position = generation, position
        GenerationTask.objects.bulk_create(tasks, batch_size=1000)
        generation.estimated_cost_usd = estimate(generation).cost_usd
        generation.save(update_fields=["estimated_cost_usd"])
    return generation


def estimate(generation: Generation) -> Estimate:
    """Return what the tasks that are not done would take."""
    due = list(generation.tasks.exclude(status=GenerationTask.Status.DONE))
    return _estimate(due, generation.model, seed=generation.seed, is_checked=generation.is_checked)


def estimate_wish(*, collection: Collection, wish: Wish) -> Estimate:
    """Return what an order would take, without making it; nor is it decided which documents go together. Raises
    DatasetError for what cannot be."""
    _check(wish)
    tasks = _tasks(collection, wish, pairs_of=lambda ids, count: list(pairwise(ids))[:count])
    return _estimate(tasks, wish.model, seed=wish.seed, is_checked=wish.is_checked)


def _estimate(due: Sequence[GenerationTask], model_name: str, *, seed: int, is_checked: bool) -> Estimate:
    """Go by the prompts of some of the tasks. Templates are free."""
    questions = sum(task.count for task in due)
    if not model_name or not due:
        return Estimate(questions, 0, 0, 0, Decimal(0))
    rng = random.Random(seed)  # noqa: S311
    sample = rng.sample(due, min(len(due), _SAMPLE_TASKS))
    texts = passages_of({document_id for task in sample for document_id in task.document_ids})
    given = 0
    for task in sample:
        passages = spread([p for document_id in task.document_ids for p in texts.get(document_id, [])], rng)
        prompts = [question_prompt(task.kind, passages, people(task.count, rng))]
        if is_checked:
            prompts.append(check_prompt(passages, ["x" * 80] * task.count))
        given += sum(estimate_tokens(message.content) for prompt in prompts for message in prompt.messages)
    made = questions * (QUESTION_TOKENS + (VERDICT_TOKENS if is_checked else 0))
    usage = Usage(given * len(due) // len(sample), made)
    provider, model = split_model_name(model_name)
    price = price_for(provider, model, at=datetime.now(UTC), overrides=price_overrides())
    requests = len(due) * (2 if is_checked else 1)
    return Estimate(questions, requests, usage.input_tokens, usage.output_tokens, cost_usd(usage, price))


def _fields(wish: Wish) -> dict[str, Any]:
    return {
        "model": wish.model,
        "per_document": wish.per_document,
        "unanswerable_ratio": wish.unanswerable_ratio,
        "multi_document_ratio": wish.multi_document_ratio,
        "limit_documents": wish.limit_documents,
        "seed": wish.seed,
        "is_checked": wish.is_checked,
    }


def _check(wish: Wish) -> None:
    if not 1 <= wish.per_document <= MAX_PER_DOCUMENT:
        raise DatasetError(f"{wish.per_document} questions for a document: it has to be 1 to {MAX_PER_DOCUMENT}.")
    for name, ratio in (("unanswerable", wish.unanswerable_ratio), ("multi-document", wish.multi_document_ratio)):
        if not 0 <= ratio <= 1:
            raise DatasetError(f"The share of {name} questions is {ratio:g}; it has to be 0 to 1.")
    if wish.limit_documents is not None and wish.limit_documents < 1:
        raise DatasetError(f"A limit of {wish.limit_documents} documents leaves none; it has to be 1 or more.")


def _tasks(collection: Collection, wish: Wish, *, pairs_of: PairsOf) -> list[GenerationTask]:
    """Return the tasks in their order: all documents of the sample once, then pairs, then what has no answer."""
    ids = _sample(collection, wish)
    if not ids:
        raise DatasetError(f'The collection "{collection}" has no documents that are ready; ingest some first.')
    kind = GenerationTask.Kind
    tasks = [GenerationTask(kind=kind.SINGLE, document_ids=[pk], count=wish.per_document) for pk in ids]
    asked = len(ids) * wish.per_document
    pairs = pairs_of(ids, round(asked * wish.multi_document_ratio / MULTI_EACH))
    tasks += [GenerationTask(kind=kind.MULTI, document_ids=list(pair), count=MULTI_EACH) for pair in pairs]
    without = round(asked * wish.unanswerable_ratio)
    rng = random.Random(wish.seed)  # noqa: S311
    while without > 0:
        for pk in rng.sample(ids, len(ids)):
            if without > 0:
                count = min(UNANSWERABLE_EACH, without)
                tasks.append(GenerationTask(kind=kind.UNANSWERABLE, document_ids=[pk], count=count))
                without -= count
    return tasks


def _sample(collection: Collection, wish: Wish) -> Sequence[int]:
    """Return ids of documents in an order that the seed decides, and that other documents do not change."""
    rows = collection.documents.ready().filter(chunks__isnull=False).distinct().order_by("pk")

    def rank(source_id: str) -> str:
        return hashlib.sha256(f"{wish.seed}:{source_id}".encode()).hexdigest()

    ranked = sorted(rows.values_list("source_id", "pk"), key=lambda row: rank(row[0]))
    return [pk for _, pk in ranked][: wish.limit_documents]

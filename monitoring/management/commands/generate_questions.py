"""`manage.py generate_questions --collection NAME`: questions made from documents, by a model or by templates."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.text import slugify
from tqdm import tqdm

from chat.exceptions import ChatError, ConfigurationError
from chat.models import Collection, PipelineConfig
from monitoring.models import Dataset, GeneratedQuestion, Generation, GenerationTask
from monitoring.synthetic.pace import CONCURRENCY, Working
from monitoring.synthetic.planning import Wish, estimate, model_or_templates, open_generation, plan_generation
from monitoring.synthetic.summary import cost_in_words, summarise
from monitoring.synthetic.working import work_on

DROPPED_SHOWN = 10


class Command(BaseCommand):
    """Prints what was kept and dropped and what it cost on stdout; the progress bar goes to stderr."""

    help = (
        "Make questions from the documents of a collection and add the good ones to a dataset. Stopped or killed, the"
        " same command goes on where it was. Without a model the questions are made by templates, and cost nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--collection", required=True, metavar="NAME")
        parser.add_argument("--name", default="", help='of the dataset (default: the collection\'s and "-questions")')
        parser.add_argument("--per-document", type=int, default=5, metavar="N", help="questions for each (default: 5)")
        parser.add_argument(
            "--model",
            default="",
            metavar="PROVIDER/MODEL",
            help="default: the default config's; offline/extractive: templates",
        )
        parser.add_argument(
            "--unanswerable", type=float, default=0.1, metavar="SHARE", help="further ones without an answer (0.1)"
        )
        parser.add_argument(
            "--multi-document", type=float, default=0.1, metavar="SHARE", help="further ones of two documents (0.1)"
        )
        parser.add_argument("--limit-documents", type=int, metavar="N", help="a sample of so many (default: all)")
        parser.add_argument("--seed", type=int, default=1, metavar="N", help="decides the sample and who asks")
        parser.add_argument("--no-check", action="store_true", help="do not ask the model whether each can be answered")
        parser.add_argument("--concurrency", type=int, default=CONCURRENCY, metavar="N", help="requests at once")
        parser.add_argument("--yes", action="store_true", help="do not ask before money is spent")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            generation = self._generation(options)
            self._agree(generation, assume_yes=options["yes"])
            status = self._work(generation, max(1, options["concurrency"]))
        except ChatError as exc:
            raise CommandError(str(exc)) from exc
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What is done stays; the same command goes on from there.", returncode=130
            ) from None
        if status is None:
            raise CommandError("Another process works on these questions.")
        generation.refresh_from_db()
        self._report(generation, everything=options["verbosity"] > 1)
        if status != Generation.Status.DONE:
            raise CommandError(f"{generation.error or 'Not finished.'} The same command goes on from there.")

    def _generation(self, options: dict[str, Any]) -> Generation:
        """Return the order to go on with, or a new one."""
        collection = _collection(options["collection"])
        name = options["name"] or f"{slugify(collection.name)[:50] or 'collection'}-questions"
        wish = Wish(
            per_document=options["per_document"],
            unanswerable_ratio=options["unanswerable"],
            multi_document_ratio=options["multi_document"],
            limit_documents=options["limit_documents"],
            seed=options["seed"],
            model=_model(options["model"]),
            is_checked=not options["no_check"],
        )
        dataset = Dataset.objects.filter(name=name).first()
        going_on = open_generation(dataset=dataset, collection=collection, wish=wish) if dataset else None
        if going_on is not None:
            numbers = summarise(going_on)
            self.stdout.write(f"Going on with {going_on}: {numbers.done_tasks} of {numbers.tasks} requests are done.")
            return going_on
        return plan_generation(dataset_name=name, collection=collection, wish=wish)

    def _agree(self, generation: Generation, *, assume_yes: bool) -> None:
        """Say what it would cost, and ask."""
        if not generation.model:
            self.stdout.write("No model: questions are made by templates. --model PROVIDER/MODEL makes better ones.")
            return
        cost = estimate(generation)
        self.stdout.write(
            f"{generation.model}: about {cost.requests} requests, {cost.input_tokens:,} tokens in and"
            f" {cost.output_tokens:,} out. Estimated cost: {cost_in_words(cost.cost_usd)}."
        )
        if assume_yes or cost.cost_usd == 0:
            return
        if not sys.stdin.isatty():
            raise CommandError("Nothing was asked yet. Add --yes to agree to the cost.")
        if input("Go on? [y/N] ").strip().casefold() not in ("y", "yes"):
            raise CommandError("Nothing was asked.")

    def _work(self, generation: Generation, concurrency: int) -> str | None:
        due = generation.tasks.exclude(status=GenerationTask.Status.DONE).count()
        with tqdm(total=due, unit="request", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

            def on_progress(tasks: int) -> None:
                bar.update(tasks)

            return work_on(generation.pk, Working(concurrency=concurrency, on_progress=on_progress))

    def _report(self, generation: Generation, *, everything: bool) -> None:
        numbers = summarise(generation)
        where = f"{generation.dataset}, version {generation.version}" if generation.version else "no new version"
        self.stdout.write(f"{numbers.kept} kept, {numbers.dropped_count} dropped ({where})")
        for reason, number in numbers.dropped:
            self.stdout.write(f"  {number} dropped: {reason}")
        outcome = GeneratedQuestion.Outcome
        dropped = generation.questions.exclude(outcome__in=[outcome.KEPT, outcome.WAITING]).order_by("pk")
        for row in dropped if everything else dropped[:DROPPED_SHOWN]:
            self.stderr.write(f"dropped: {row.question} ({row.reason})", self.style.WARNING)
        if not everything and numbers.dropped_count > DROPPED_SHOWN:
            self.stderr.write(f"… and {numbers.dropped_count - DROPPED_SHOWN} more; -v 2 lists them all")
        if numbers.unchecked_tasks:
            self.stdout.write(f"{numbers.unchecked_tasks} requests were not checked, because the check failed")
        if generation.model:
            unknown = f", and {numbers.unpriced_calls} calls of unknown cost" if numbers.unpriced_calls else ""
            self.stdout.write(f"{numbers.calls} calls, {cost_in_words(numbers.cost_usd)}{unknown}")


def _collection(name: str) -> Collection:
    collection = Collection.objects.filter(name=name).first()
    if collection is None:
        known = ", ".join(Collection.objects.values_list("name", flat=True)) or "none; run manage.py ingest first"
        raise CommandError(f'There is no collection "{name}"; known: {known}.')
    return collection


def _model(name: str) -> str:
    """Return the model, empty for templates; one that is not named is the default config's, where it can work here."""
    if name:
        return model_or_templates(name)
    config = PipelineConfig.objects.filter(is_default=True).first()
    try:
        return model_or_templates(config.model) if config else ""
    except ConfigurationError:
        return ""

"""`manage.py ingest PATH...`: take files and folders into the knowledge base."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.ingest.source import MAX_MEGABYTES_DEFAULT, ReadOptions, ReadProblem
from chat.models import Collection
from chat.rag.chunk import CHUNK_TOKENS_DEFAULT
from chat.services.ingestion import IngestReport, Progress, ingest_paths

DEFAULT_COLLECTION = "default"


class Command(BaseCommand):
    """Prints one line of summary on stdout; problems and the progress bar go to stderr. Exit status 1 when a file or
    record could not be taken in."""

    help = (
        "Take files (Markdown, text, HTML, PDF, DOCX, CSV, JSONL, JSON) and whole folders into a collection. "
        "Unchanged documents are skipped, changed ones replaced. Of CSV, JSONL and JSON each record is a document."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file or a folder")
        target = parser.add_mutually_exclusive_group()
        target.add_argument(
            "--collection",
            metavar="NAME",
            default=DEFAULT_COLLECTION,
            help=f'where the documents go; made when it is absent (default: "{DEFAULT_COLLECTION}")',
        )
        target.add_argument("--collection-field", metavar="FIELD", default="", help="field that names the collection")
        parser.add_argument(
            "--id-field",
            metavar="FIELD",
            default="",
            help="field of a record's id, by which it is found again (default: a hash of its content)",
        )
        parser.add_argument(
            "--title-field",
            metavar="FIELD",
            default="",
            help='field of its title (default: "title" or "question", else the beginning of its text)',
        )
        parser.add_argument(
            "--text-field",
            metavar="FIELD",
            default="",
            help='field of its text (default: "text", "answer", "body" or "content")',
        )
        parser.add_argument(
            "--heading-field",
            metavar="FIELD",
            action="append",
            default=[],
            dest="heading_fields",
            help="field of the section it stands in; may be given several times, outermost first",
        )
        parser.add_argument(
            "--prune",
            action="store_true",
            help="remove documents of the collection that PATH... does not have any more; uploads are kept",
        )
        parser.add_argument(
            "--language",
            default="",
            choices=["", *Collection.Language.values],
            metavar="LANGUAGE",
            help=f"how words are stemmed in text search: {', '.join(Collection.Language.values)} (default: english)",
        )
        parser.add_argument(
            "--chunk-tokens",
            type=int,
            metavar="N",
            help=(
                "size of the collection's chunks, kept with it; documents that were cut otherwise are cut anew "
                f"(0: the default, {CHUNK_TOKENS_DEFAULT}, which is all that the local embedder reads)"
            ),
        )
        parser.add_argument(
            "--max-megabytes",
            type=float,
            default=MAX_MEGABYTES_DEFAULT,
            metavar="MB",
            help=f"refuse larger files (default: {MAX_MEGABYTES_DEFAULT:g})",
        )
        parser.add_argument("--dry-run", action="store_true", help="read and compare, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        show_skipped = options["verbosity"] > 1
        read_options = ReadOptions(
            id_field=options["id_field"],
            title_field=options["title_field"],
            text_field=options["text_field"],
            heading_fields=tuple(options["heading_fields"]),
            collection_field=options["collection_field"],
            max_megabytes=options["max_megabytes"],
        )
        with tqdm(
            unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr, disable=not sys.stderr.isatty(), leave=False
        ) as bar:

            def on_problem(problem: ReadProblem) -> None:
                if problem.kind != "skipped" or show_skipped:
                    bar.clear()
                    style = self.style.ERROR if problem.kind == "failed" else self.style.WARNING
                    self.stderr.write(f"{problem.kind}: {problem}", style)

            def on_progress(progress: Progress) -> None:
                bar.total = progress.total_bytes
                seconds = bar.format_dict["elapsed"] or 1
                bar.set_postfix_str(f"{progress.chunks} chunks, {progress.chunks / seconds:.0f}/s", refresh=False)
                bar.update(progress.done_bytes - bar.n)

            try:
                report = ingest_paths(
                    paths=options["paths"],
                    collection_name=options["collection"],
                    options=read_options,
                    language=options["language"],
                    chunk_tokens=options["chunk_tokens"],
                    prune=options["prune"],
                    dry_run=options["dry_run"],
                    on_problem=on_problem,
                    on_progress=on_progress,
                )
            except ChatError as exc:
                raise CommandError(str(exc)) from exc
            except KeyboardInterrupt:
                raise CommandError(
                    "Stopped. What was taken in stays; the same command goes on.", returncode=130
                ) from None
        self.stdout.write(summary(report, dry_run=options["dry_run"]))
        if report.failed:
            raise CommandError("Not everything could be taken in: see the reasons above.")


def summary(report: IngestReport, *, dry_run: bool) -> str:
    """One line: what was done, or would be."""
    parts = [
        f"{report.added} added",
        f"{report.changed} changed",
        f"{report.unchanged} unchanged",
        f"{report.removed} removed",
        f"{report.failed} failed",
    ]
    if report.skipped:
        parts.append(f"{report.skipped} skipped")
    return f"{'Dry run: ' if dry_run else ''}{', '.join(parts)} ({report.chunks} chunks)"

"""`manage.py import_dataset FILE --name NAME`: questions from a CSV or JSON file."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from monitoring.datasets.columns import USUAL_NAMES, Columns
from monitoring.datasets.imports import ImportOptions, ImportReport, import_items
from monitoring.datasets.splits import Ratios

PROBLEMS_SHOWN = 20
COLUMN_HELP = {
    "question": "column of the question",
    "answer": "column of the expected answer",
    "document": "column of the ids of the documents that answer it, as given at ingest; several: a;b or a JSON list",
    "relevance": "column of the documents' grades, 1 or more, in the same order",
    "span": "column of the places in the documents, start-end, in the same order",
    "collection": "column of the collection's name",
    "split": "column of the split: dev, test, calibration, or empty: decided by document",
    "tags": "column of tags; several: a;b or a JSON list",
    "unanswerable": "column that says 1 where nothing in the knowledge base answers the question",
    "history": 'column of earlier exchanges: JSON [{"question": "…", "answer": "…"}]',
    "cluster": "column of what keeps questions together in one split, beside their documents",
    "source": "column of who made the question, as in an export",
}


class Command(BaseCommand):
    """Prints one line of summary on stdout; rows that were left out and the progress bar go to stderr."""

    help = (
        "Import questions with what is known of their answers from a CSV, TSV, JSONL or JSON file. Rows that cannot be"
        " used are left out and listed. The same file again changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--name", required=True, help="of the dataset; made when it is absent")
        parser.add_argument(
            "--collection", default="", metavar="NAME", help="where the documents are, and where it is searched"
        )
        for role, usual in USUAL_NAMES.items():
            parser.add_argument(
                f"--{role}-column",
                default="",
                metavar="COLUMN",
                help=f'{COLUMN_HELP[role]} (default: "{usual}" where there is one)',
            )
        parser.add_argument(
            "--split",
            choices=["auto", "dev", "test", "calibration"],
            help="for all rows; auto decides by document (default: the split column where there is one, else auto)",
        )
        parser.add_argument(
            "--ratios",
            type=_ratios,
            metavar="DEV,TEST,CALIBRATION",
            help="shares of the documents, for a dataset that is made (default: 0.3,0.5,0.2)",
        )
        parser.add_argument(
            "--keep-placeholders",
            action="store_true",
            help='keep rows such as "question1", as a published set has them',
        )
        parser.add_argument("--encoding", default="", help="of the file (default: UTF-8)")
        parser.add_argument("--strict", action="store_true", help="import nothing when one row cannot be used")
        parser.add_argument("--dry-run", action="store_true", help="read and compare, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise CommandError(f"{path} cannot be opened ({exc.strerror}).") from exc
        with tqdm(unit="row", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:
            try:
                report = import_items(
                    dataset_name=options["name"],
                    file_name=path.name,
                    data=data,
                    options=import_options(options),
                    strict=options["strict"],
                    dry_run=options["dry_run"],
                    on_start=bar.reset,
                    on_progress=lambda rows: _advance(bar, rows),
                )
            except ChatError as exc:
                raise CommandError(str(exc)) from exc
        self._list_problems(report, everything=options["verbosity"] > 1)
        self.stdout.write(summary(report, dry_run=options["dry_run"]))
        if options["strict"] and report.problems:
            raise CommandError("Nothing was imported, because of --strict and the rows above.")
        if not report.usable:
            raise CommandError("No row of the file can be used: see the reasons above.")

    def _list_problems(self, report: ImportReport, *, everything: bool) -> None:
        shown = report.problems if everything else report.problems[:PROBLEMS_SHOWN]
        for problem in shown:
            self.stderr.write(str(problem), self.style.WARNING)
        if more := len(report.problems) - len(shown):
            self.stderr.write(f"… and {more} more rows; -v 2 lists them all", self.style.WARNING)


def import_options(options: dict[str, Any]) -> ImportOptions:
    """Return the options of the command line as the service takes them."""
    split = options["split"] or ""
    return ImportOptions(
        columns=Columns(**{role: options[f"{role}_column"] for role in USUAL_NAMES}),
        collection=options["collection"],
        split="" if split == "auto" else split.upper(),
        ignore_split_column=bool(split) and not options["split_column"],
        keep_placeholders=options["keep_placeholders"],
        encoding=options["encoding"],
        ratios=options["ratios"],
    )


def summary(report: ImportReport, *, dry_run: bool) -> str:
    """One line: what was done, or would be."""
    change = report.change
    is_kept = report.saved or not (report.change.added or report.change.replaced)
    parts = [
        f"{change.added} added",
        f"{change.replaced} changed",
        f"{change.already_there} already there",
        f"{report.left_out} left out",
    ]
    if report.without_document:
        parts.append(f"{report.without_document} without a document")
    prefix = "Dry run: " if dry_run else "" if is_kept else "Would be: "
    where = f"{report.dataset}, {change.version if report.saved and change.version else 'no new version'}"
    return f"{prefix}{', '.join(parts)} ({where})"


def _advance(bar: "tqdm[Any]", rows: int) -> None:
    bar.update(rows)


def _ratios(text: str) -> Ratios:
    try:
        dev, test, calibration = (float(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not three numbers, as 0.3,0.5,0.2") from None
    if abs(dev + test + calibration - 1) > 1e-6 or min(dev, test, calibration) < 0:
        raise ArgumentTypeError(f"{text!r} does not add up to 1, as 0.3,0.5,0.2")
    return Ratios(dev, test)

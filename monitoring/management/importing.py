"""What the commands that import turns share: the progress bar, lines that were left out, and the summary."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterable
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from monitoring.imports.importing import Importing, Report
from monitoring.imports.reading import Line, Source

PROBLEMS_SHOWN = 20
STOPPED = 130  # the exit status of what Ctrl-C ended


class ImportCommand(BaseCommand):
    """A command that imports; lines that were left out make its exit status 1."""

    def work(self, importing: Importing, source: Source, *, lines: Iterable[Line] | None = None) -> Report:
        """Import the lines of a file with a progress bar on stderr."""
        with tqdm(
            total=source.total,
            unit=source.unit,
            unit_scale=True,
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
            leave=False,
        ) as bar:
            try:
                return importing.run(source.lines() if lines is None else lines, on_progress=bar.update)
            except KeyboardInterrupt:
                raise CommandError(
                    "Stopped. What was imported stays; the same command goes on with the rest.", returncode=STOPPED
                ) from None

    def tell(self, report: Report, *, verbosity: int) -> None:
        """Name what was left out and what was made. Raises CommandError where a line was left out."""
        shown = report.problems if verbosity > 1 else report.problems[:PROBLEMS_SHOWN]
        for problem in shown:
            self.stderr.write(problem, self.style.WARNING)
        if more := report.left_out - len(shown):
            self.stderr.write(f"… and {more:,} more lines; -v 2 lists up to a thousand.", self.style.WARNING)
        summary = (
            f"{report.added:,} turns imported, {report.already_there:,} already there, {report.left_out:,} left out."
        )
        self.stdout.write(summary)
        for name, count in report.made.items():
            if count:
                self.stdout.write(f"Made, as not known here: {_counted(count, name)}.")
        if report.unknown_documents:
            documents = _counted(report.unknown_documents, "documents of hits")
            self.stdout.write(f"Not here: {documents}; the texts of the hits are kept.")
        if report.added:
            asked = f"Asked from {report.first:%Y-%m-%d %H:%M} to {report.last:%Y-%m-%d %H:%M} UTC."
            self.stdout.write(
                f"{asked} Rules judge what finished after they were made; have the rest judged on a rule's page:"
                " “judge old traffic”."
            )
        if report.left_out:
            raise CommandError(
                "Some lines were left out: see the reasons above. The others were imported.", returncode=1
            )


def _counted(count: int, names: str) -> str:
    """Return a number of things, which `names` names in the plural."""
    first, _, rest = names.partition(" of ")
    name = first if count != 1 else first.removesuffix("s")
    return f"{count:,} {name}{f' of {rest}' if rest else ''}"


def add_source(parser: ArgumentParser, *, default: str) -> None:
    """Add the option that names where turns come from."""
    parser.add_argument("--source", type=source_name, metavar="NAME", help=f"where they come from; {default}")


def default_source(path: Path) -> str:
    """Return the file's name without its end, as the name of a source."""
    name = " ".join(path.stem.split())[:100]
    return name if any(letter.isalnum() for letter in name) else "file"


def source_name(text: str) -> str:
    """Return the name of a source. Raises ArgumentTypeError."""
    name = " ".join(text.split())
    if not any(letter.isalnum() for letter in name) or len(name) > 100:
        raise ArgumentTypeError(f"{text!r} is no name: it has 1 to 100 characters, one of them a letter or a digit")
    return name

"""`manage.py import_traces FILE`: what another system answered, from its log."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from monitoring.imports.fields import FIELD_HELP, Fields
from monitoring.imports.importing import Importing
from monitoring.imports.reading import Line, LineError, open_source
from monitoring.imports.references import References
from monitoring.imports.traces import UNKNOWN_MODEL, TraceReader
from monitoring.management.importing import PROBLEMS_SHOWN, ImportCommand, add_source, default_source

ROWS_SHOWN = 3
TEXT_SHOWN = 300


class Command(ImportCommand):
    """Prints a summary on stdout; lines that were left out and the progress bar go to stderr."""

    help = (
        "Import questions and answers of another system from its log (JSONL), to judge, review and compare them. They"
        " are marked as imported, and have a config of their own. The same file again adds nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_source(parser, default="default: the file's name without its end")
        parser.add_argument(
            "--collection", default="", metavar="NAME", help="what was asked of; made when it is absent"
        )
        parser.add_argument("--config-name", default="", metavar="NAME", help='"imported-NAME" (default: the source)')
        parser.add_argument("--model", default="", help=f'where a line names none (default: "{UNKNOWN_MODEL}")')
        parser.add_argument(
            "--origin",
            choices=[Origin.API.value, Origin.USER.value, Origin.SYNTHETIC.value],
            default=Origin.API.value,
            help="figures of one origin never mix with another's (default: API)",
        )
        parser.add_argument(
            "--users",
            choices=["pseudonyms", "none"],
            default="pseudonyms",
            help="pseudonyms: each becomes one here who cannot sign in, without the name (default)",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="only the first N lines")
        parser.add_argument("--dry-run", action="store_true", help="show the first lines as understood, write nothing")
        for role, words in FIELD_HELP.items():
            option = f"--{role.replace('_', '-')}-field"
            parser.add_argument(option, default="", dest=f"field_{role}", metavar="PATH", help=f"of {words}")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            file = open_source(path)
            name = options["source"] or default_source(path)
            reader = TraceReader(
                source=name,
                fields=Fields({role: options[f"field_{role}"] for role in FIELD_HELP}),
                config_name=options["config_name"],
                collection=options["collection"],
                origin=options["origin"],
                model=options["model"],
                with_users=options["users"] != "none",
            )
            lines = islice(file.lines(), options["limit"])
            if options["dry_run"]:
                self._show(reader, lines)
                return
            report = self.work(Importing(References(source=name, users="keep"), reader.read), file, lines=lines)
        except ChatError as error:
            raise CommandError(str(error)) from error
        self.tell(report, verbosity=options["verbosity"])

    def _show(self, reader: TraceReader, lines: Iterator[Line]) -> None:
        """Print the first lines as they are understood, and how many could be imported."""
        usable, refused = 0, 0
        counts = dict.fromkeys(("with a vote", "with contexts", "with tokens or cost", "failed"), 0)
        for line in lines:
            try:
                if line.problem:
                    raise LineError(line.problem)
                record = reader.read(line.value)
            except LineError as error:
                refused += 1
                if refused <= PROBLEMS_SHOWN:
                    self.stderr.write(f"Line {line.number}: {error}.", self.style.WARNING)
                continue
            usable += 1
            counts["with a vote"] += bool(record["feedback"])
            counts["with contexts"] += bool(record["hits"])
            counts["with tokens or cost"] += bool(record["calls"])
            counts["failed"] += record["status"] == "FAILED"
            if usable <= ROWS_SHOWN:
                self.stdout.write(f"Line {line.number}:\n{_shown(record)}")
        more = ", ".join(f"{count:,} {words}" for words, count in counts.items())
        self.stdout.write(f"Dry run: {usable:,} turns could be imported ({more}), {refused:,} lines not.")


def _shown(record: dict[str, Any]) -> str:
    """Return what is known of a turn, a line each."""
    known = {
        "question": record["question"],
        "answer": record["answer"] or record["error_message"],
        "asked": record["created_at"].isoformat(),
        "seconds": record["total_seconds"],
        "model": record["model"],
        "conversation": record["conversation"]["id"],
        "user": record["user"] and record["user"]["name"],
        "vote": record["feedback"] and {1: "up", -1: "down"}[record["feedback"][0]["value"]],
        "contexts": [hit["title"] for hit in record["hits"]],
        "tokens": [[call["input_tokens"], call["output_tokens"]] for call in record["calls"]],
        "cost_usd": record["cost_usd"],
    }
    lines = (
        f"  {name}: {json.dumps(value, ensure_ascii=False, default=str)}" for name, value in known.items() if value
    )
    return "\n".join(line if len(line) <= TEXT_SHOWN else f"{line[:TEXT_SHOWN]}…" for line in lines)

"""`manage.py export_dataset --name NAME`: a version of a dataset as CSV or JSONL."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat.exceptions import ChatError
from monitoring.datasets.exports import FORMATS, export_items
from monitoring.datasets.names import find_dataset


class Command(BaseCommand):
    """The file goes to stdout unless --output is given."""

    help = "Export the items of a dataset; import_dataset reads the file to the same items."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Let --version be the dataset's, not Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="of the dataset")
        parser.add_argument(
            "--version", type=int, dest="number", metavar="N", help="of the dataset (default: the newest)"
        )
        parser.add_argument("--split", choices=["dev", "test", "calibration"], default="", help="default: all")
        parser.add_argument("--format", choices=list(FORMATS), default="", help="default: by --output, else csv")
        parser.add_argument("--output", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        output: Path | None = options["output"]
        suffix = output.suffix.lstrip(".").lower() if output else ""
        file_format = options["format"] or (suffix if suffix in FORMATS else "csv")
        try:
            lines = export_items(
                dataset=find_dataset(options["name"]),
                file_format=file_format,
                version=options["number"],
                split=options["split"].upper(),
            )
        except ChatError as exc:
            raise CommandError(str(exc)) from exc
        if output is None:
            for line in lines:
                self.stdout.write(line, ending="")
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as exc:
            raise CommandError(f"{output} cannot be written ({exc.strerror}).") from exc

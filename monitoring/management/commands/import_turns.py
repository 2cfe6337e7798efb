"""`manage.py import_turns FILE`: turns that export_turns wrote, here or on another site."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from chat.exceptions import ChatError
from chat.models.conversation import Origin
from monitoring.exports.shape import TURN
from monitoring.imports.checking import checked
from monitoring.imports.importing import Importing
from monitoring.imports.reading import open_source
from monitoring.imports.references import References
from monitoring.management.importing import ImportCommand, add_source, default_source


class Command(ImportCommand):
    """Prints a summary on stdout; lines that were left out and the progress bar go to stderr."""

    help = (
        "Import turns from JSONL or Parquet, as export_turns writes them. What is here already stays as it is, so that"
        " the same file again adds nothing. Lines that cannot be used are listed, and the exit status is 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        add_source(parser, default="default: the file's name without its end")
        parser.add_argument(
            "--origin",
            choices=["keep", *Origin.values],
            default="keep",
            help="of all turns; keep: as exported, so that users' turns count with this site's users' (default: keep)",
        )
        parser.add_argument(
            "--users",
            choices=["keep", "none"],
            default="keep",
            help="keep: users of the same name here, others are made, who cannot sign in (default: keep)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            file = open_source(path)
            name = options["source"] or default_source(path)
            origin = "" if options["origin"] == "keep" else options["origin"]
            importing = Importing(
                References(source=name, users=options["users"]), lambda line: checked(line, TURN), origin=origin
            )
            report = self.work(importing, file)
        except ChatError as error:
            raise CommandError(str(error)) from error
        self.tell(report, verbosity=options["verbosity"])

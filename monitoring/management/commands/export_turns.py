"""`manage.py export_turns OUT`: turns with hits, calls, votes and scores as JSONL, CSV or Parquet."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.models import Collection, PipelineConfig
from chat.models.conversation import Origin
from chat.services.turn_choices import OUTCOMES, VOTES
from monitoring.exports.choice import NAMES, read_choice
from monitoring.exports.files import complete_file, write_turns
from monitoring.exports.formats import FORMATS
from monitoring.exports.records import Reader
from monitoring.models import Export

STOPPED = 130  # the exit status of what Ctrl-C ended


class Command(BaseCommand):
    """Prints one line of summary on stderr, where the progress bar is too; stdout is for OUT "-"."""

    help = (
        "Export finished turns of one origin with their hits, model calls, votes, signals and scores. JSONL and Parquet"
        " can be imported again (import_turns)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", metavar="OUT", help='file to write; "-": stdout (not Parquet)')
        parser.add_argument("--format", choices=list(FORMATS), default="", help="default: by OUT, else jsonl")
        parser.add_argument(
            "--since", default="", metavar="TIME", help="asked from then on: 2026-11-03, 2026-11-03T14:00"
        )
        parser.add_argument("--until", default="", metavar="TIME", help="asked before then (default: now)")
        parser.add_argument("--origin", choices=Origin.values, default=Origin.USER.value, help="default: USER")
        parser.add_argument("--collection", default="", metavar="NAME")
        parser.add_argument("--config", default="", metavar="NAME_vN", help="that answered, such as default_v1")
        parser.add_argument("--model", default="", metavar="MODEL", help="the exact name")
        parser.add_argument("--outcome", choices=list(OUTCOMES), default="")
        parser.add_argument("--vote", choices=list(VOTES), default="")
        parser.add_argument("--failing", default="", metavar="CRITERION", help="judges say that it is wrong")
        parser.add_argument("--topic", default="", metavar="ID", help="as in the address of its page")
        parser.add_argument("--variant", default="", metavar="ID", help="of an experiment, as in its links")
        parser.add_argument(
            "--imported", default="", metavar="SOURCE", help='from it; "*": from anywhere; "-": asked here'
        )
        parser.add_argument("--without-texts", action="store_true", help="numbers, names and times only")
        parser.add_argument(
            "--users",
            choices=Export.Users.values,
            default="ids",
            help="none, a number each, or names too (default: ids)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        out: str = options["out"]
        suffix = Path(out).suffix.lstrip(".").lower()
        file_format = options["format"] or (suffix if suffix in FORMATS else "jsonl")
        try:
            reader = Reader(
                read_choice(_typed(options)), users=options["users"], with_texts=not options["without_texts"]
            )
            count = self._export(out, reader, file_format)
        except ChatError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped; nothing was written.", returncode=STOPPED) from None
        self.stderr.write(f"{count:,} turns exported: {reader.choice.words}.")

    def _export(self, out: str, reader: Reader, file_format: str) -> int:
        if out == "-":
            if file_format == "parquet":
                raise CommandError("Parquet needs a file: its end is written last, and read first.")
            return write_turns(sys.stdout.buffer, reader, file_format=file_format)
        with (
            complete_file(Path(out)) as file,
            tqdm(
                total=reader.choice.turns().count(),
                unit="turn",
                file=sys.stderr,
                disable=not sys.stderr.isatty(),
                leave=False,
            ) as bar,
        ):
            return write_turns(file, reader, file_format=file_format, on_turns=bar.update)


def _typed(options: dict[str, Any]) -> dict[str, str]:
    """Return the filters as the admin's addresses have them: collections and configs by id."""
    typed = {name: options[name] for name in NAMES if options[name]}
    typed.setdefault("until", timezone.now().isoformat())
    if name := options["collection"]:
        collection = Collection.objects.filter(name=name).first()
        if collection is None:
            known = ", ".join(Collection.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no collection “{name}”. There are: {known}.")
        typed["collection"] = str(collection.pk)
    if options["config"]:
        typed["config"] = str(_config(options["config"]).pk)
    return typed


def _config(name: str) -> PipelineConfig:
    """Return the config "NAME_vN", or the newest version of NAME; also one of another system."""
    configs = list(PipelineConfig.objects.order_by("name", "-version"))
    for config in configs:
        if name in (f"{config.name}_v{config.version}", config.name):
            return config
    known = ", ".join(f"{config.name}_v{config.version}" for config in configs) or "none"
    raise CommandError(f"There is no config “{name}”. There are: {known}.")

"""`manage.py embed --embedder NAME`: make the vectors of an embedder for all chunks that lack them."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from chat.exceptions import ChatError
from chat.rag.embed import LOCAL_NAME
from chat.services.knowledge import fill_embeddings, missing_chunks, register_embedder


class Command(BaseCommand):
    """Can be stopped at any time and run again: each batch is kept."""

    help = (
        "Embed all chunks that lack a vector by this embedder; a new embedder is registered with its own index. "
        "Vectors of other embedders stay, so a pipeline config can change over when it is done, and back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--embedder",
            required=True,
            metavar="NAME",
            help=f'"{LOCAL_NAME}", or "provider/model" of a server that is set up, as openai/text-embedding-3-small',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            row = register_embedder(name=options["embedder"])
            total = missing_chunks(row).count()
            with tqdm(total=total, unit="chunk", file=sys.stderr, disable=not sys.stderr.isatty(), leave=False) as bar:

                def on_progress(chunks: int) -> None:
                    bar.update(chunks)

                written = fill_embeddings(row=row, on_progress=on_progress)
        except ChatError as exc:
            raise CommandError(f"{exc} What was embedded stays; the same command goes on.") from exc
        except KeyboardInterrupt:
            raise CommandError("Stopped. What was embedded stays; the same command goes on.", returncode=130) from None
        self.stdout.write(f"{written} chunks embedded by {row.name}")

"""Ask on the terminal; the answer streams, and is recorded like any other."""

import asyncio
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from chat import streaming
from chat.database import in_database
from chat.exceptions import ChatError
from chat.models import Collection, Turn
from chat.models.conversation import Origin
from chat.rag.config import SearchMode
from chat.services.conversations import start_conversation


class Command(BaseCommand):
    help = "Answer a question on the terminal, with numbered sources. Recorded with origin API."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("question")
        parser.add_argument("--collection", metavar="NAME", help="search only this collection (default: all)")
        parser.add_argument("--model", default="", metavar="PROVIDER/MODEL", help="default: the default config's")
        parser.add_argument(
            "--search-mode",
            default="",
            choices=[mode.value for mode in SearchMode],
            help="default: the default config's",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            turn = start_conversation(
                user=None,
                question=options["question"],
                collection=_collection(options["collection"]),
                model=options["model"],
                search_mode=options["search_mode"],
                origin=Origin.API,
            )
        except ChatError as error:
            raise CommandError(str(error)) from error
        turn = asyncio.run(self._answer(turn.pk))
        if turn.status != Turn.Status.DONE:
            raise CommandError(turn.error_message or f"No answer: {turn.get_status_display().lower()}.")
        for hit in turn.hits.filter(is_cited=True):
            where = f"{hit.document_title}: {hit.heading_path}" if hit.heading_path else hit.document_title
            self.stdout.write(f"[{hit.rank}] {where}")

    async def _answer(self, turn_id: int) -> Turn:
        async for event in streaming.follow(turn_id):
            if isinstance(event, streaming.Delta):
                sys.stdout.write(event.text)
                sys.stdout.flush()
        self.stdout.write("\n")
        return await in_database(Turn.objects.get, pk=turn_id)


def _collection(name: str | None) -> Collection | None:
    if name is None:
        return None
    try:
        return Collection.objects.get(name=name)
    except Collection.DoesNotExist as error:
        known = ", ".join(Collection.objects.values_list("name", flat=True)) or "none; run manage.py ingest first"
        raise CommandError(f'There is no collection "{name}"; known: {known}') from error

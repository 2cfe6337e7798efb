"""Bring the database up to date: `make run` does so itself; a container does it before it serves."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chat.exceptions import ChatError
from ragsite.prepare import prepare


class Command(BaseCommand):
    """Prints what a person wants to know of the result, one line each, on stdout; all else goes to stderr."""

    help = "Apply migrations; make the cache table, the schedules, an administrator, the default config, the handbook."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            prepared = prepare()
        except ChatError as error:
            raise CommandError(str(error)) from error
        for line in prepared.as_lines():
            self.stdout.write(line)

#!/usr/bin/env python
"""Run a management command. Starts the embedded PostgreSQL first when DATABASE_URL is unset."""

import os
import sys

from django.core.management import execute_from_command_line
from environs import EnvError

from ragsite import embedded


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    try:
        embedded.provide()
        execute_from_command_line(sys.argv)
    except (EnvError, embedded.EmbeddedDatabaseError) as error:
        sys.exit(str(error))  # which variable is wrong, or where the log is; the way there helps nobody


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Run a management command. Starts the embedded PostgreSQL first when DATABASE_URL is unset."""

import os
import select
import signal
import sys

from django.core.management import execute_from_command_line
from environs import EnvError

from ragsite import embedded, worker_signals


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    try:
        embedded.provide()
        if "qcluster" in sys.argv:
            worker_signals.keep_from_children()
        try:
            execute_from_command_line(sys.argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _leave_quietly()
    except (EnvError, embedded.EmbeddedDatabaseError) as error:
        sys.exit(str(error))  # which variable is wrong, or where the log is; the way there helps nobody


def _leave_quietly() -> None:
    """End as other programs do whose reader, such as `head`, has seen enough; another pipe that broke is an error."""
    output = select.poll()
    output.register(sys.stdout, 0)
    if not output.poll(0):
        raise
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
    sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    main()

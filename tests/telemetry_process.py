"""A process that sends telemetry and ends: `python -m tests.telemetry_process TURN TURN`.

It hands over the first turn itself and forks a child for the second, as the worker forks its own. Both end at once, so
that what they still have in line is sent by what runs at the end of a process, or not at all.
"""

import multiprocessing
import os
import sys

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")
    django.setup()
    from monitoring.telemetry.jobs import FinishedTurn
    from monitoring.telemetry.sending import hand_over

    first, second = map(int, sys.argv[1:])
    hand_over(FinishedTurn(first))
    child = multiprocessing.get_context("fork").Process(target=hand_over, args=[FinishedTurn(second)])
    child.start()
    child.join()
    sys.exit(child.exitcode)


if __name__ == "__main__":
    main()

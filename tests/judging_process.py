"""A worker process of its own, for tests that kill it: python -m tests.judging_process LEASE_SECONDS CONCURRENCY.

It judges what is due over and over, as the cluster's worker does, until it is killed.
"""

import os
import sys
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ragsite.settings")


def main() -> None:
    django.setup()
    from monitoring.judging.worker import work_on_due

    lease_seconds, concurrency = float(sys.argv[1]), int(sys.argv[2])
    while True:
        work_on_due(time.monotonic() + 30, lease_seconds=lease_seconds, concurrency=concurrency)
        time.sleep(0.05)


if __name__ == "__main__":
    main()

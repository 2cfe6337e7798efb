"""/metrics: what Prometheus reads. Figures of the whole site come from the database, counts of requests from this web
process, or from all of them where there are several.

It is for machines that know the token, or that are in one of the networks; others see no page. It says nothing of
users, but how much is asked and spent is nobody else's business.
"""

import os
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

import psutil
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)
from prometheus_client.registry import Collector

from chat import streaming
from monitoring.metrics import SiteCollector
from ragsite.process_metrics import FOLDER_VARIABLE

# a second series for each, which Prometheus does not read
disable_created_metrics()  # type: ignore[no-untyped-call] # the library left it without types

LIVE: Literal["livesum"] = "livesum"  # of the processes that live
REQUESTS_IN_LINE = Gauge(
    "ragsite_requests_in_line", "Requests that wait until the web process lets them in.", multiprocess_mode=LIVE
)
POOL_CONNECTIONS = Gauge(
    "ragsite_database_pool_connections",
    "Connections of the web processes' pools.",
    ["state"],
    multiprocess_mode=LIVE,
)
POOL_WAITING = Gauge(
    "ragsite_database_pool_waiting", "Threads that wait for a connection of a pool.", multiprocess_mode=LIVE
)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus."""
    if not _may_read(request):
        raise Http404
    note_process()
    content = b"".join(generate_latest(registry) for registry in _registries())
    return HttpResponse(content, content_type=CONTENT_TYPE_LATEST)


def note_process() -> None:
    """Set the gauges of this process to what they are now."""
    REQUESTS_IN_LINE.set(streaming.requests_in_line())
    # the stubs know no pools
    pool = connection.pool if settings.DATABASE_POOL_SIZE else None  # type: ignore[attr-defined] # of PostgreSQL
    if pool is not None:
        state = pool.get_stats()
        idle = state.get("pool_available", 0)
        POOL_CONNECTIONS.labels("idle").set(idle)
        POOL_CONNECTIONS.labels("used").set(state.get("pool_size", 0) - idle)
        POOL_WAITING.set(state.get("requests_waiting", 0))


def _may_read(request: HttpRequest) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if settings.METRICS_TOKEN and scheme.lower() == "bearer" and constant_time_compare(token, settings.METRICS_TOKEN):
        return True
    try:
        address = ip_address(request.META.get("REMOTE_ADDR", ""))
    except ValueError:  # a socket has none
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in settings.METRICS_NETWORKS)


def _registries() -> Iterator[Collector]:
    processes = CollectorRegistry()
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        _bury_the_dead(Path(folder))
        multiprocess.MultiProcessCollector(processes)  # type: ignore[no-untyped-call] # as above
        yield processes
    else:
        yield REGISTRY
    site = CollectorRegistry(auto_describe=False)
    site.register(SiteCollector())
    yield site


def _bury_the_dead(folder: Path) -> None:
    """Forget the gauges of processes that ended; their files are named after them."""
    for path in folder.glob("gauge_live*_*.db"):
        number = path.stem.rpartition("_")[2]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            multiprocess.mark_process_dead(int(number))  # type: ignore[no-untyped-call] # as above

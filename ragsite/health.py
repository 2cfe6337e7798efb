"""Is the process alive (/healthz), and can it answer questions (/readyz)? Both are open to everyone and say nothing of
users, and /readyz is cheap enough to be asked every second."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.status import Stat

from chat.exceptions import ChatError
from chat.models import Heartbeat, PipelineConfig
from chat.rag.embed import LOCAL_NAME
from chat.services.knowledge import embedder_of

logger = logging.getLogger(__name__)

# The worker beats each minute; its scheduler looks every 30 s, and one round may be late.
WORKER_SILENT_AFTER = timedelta(seconds=150)
# What was found good is believed so long; what was found bad is looked at again each time.
BELIEVED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One part of being ready, with a message for people."""

    ok: bool
    message: str


_good: dict[str, tuple[float, Check]] = {}  # name -> (when it was found good, what was found)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nothing else."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each part whether it works; 503 when one does not."""
    checks = {"database": check_database()}
    if checks["database"].ok:
        checks["migrations"] = _believed("migrations", check_migrations)
    if all(check.ok for check in checks.values()):
        checks["embedder"] = _believed("embedder", check_embedder)
        checks["worker"] = check_worker()
    else:
        unknown = Check(ok=False, message="Not looked at, because something before it fails.")
        for name in ("migrations", "embedder", "worker"):
            checks.setdefault(name, unknown)
    ready = all(check.ok for check in checks.values())
    content = {"ready": ready, "checks": {name: asdict(check) for name, check in checks.items()}}
    response = JsonResponse(content, status=200 if ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined] # or Django logs an error each time it is asked
    return response


def check_database() -> Check:
    """Look whether the database answers; one query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("the database does not answer: %s", error)
        return Check(ok=False, message="The database does not answer; look at DATABASE_URL and the database's log.")
    return Check(ok=True, message="The database answers.")


def check_migrations() -> Check:
    """Look whether the tables are those of this version."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in plan[:3])
        return Check(ok=False, message=f"{len(plan)} migrations are missing ({names}); run: manage.py migrate")
    return Check(ok=True, message="All migrations are applied.")


def check_embedder() -> Check:
    """Look whether the default config's embedder can work; a remote one is not asked, because that costs money."""
    config = PipelineConfig.objects.default()
    if config is None:
        return Check(ok=False, message="There is no default config; run: manage.py prepare")
    name = config.embedder.name
    try:
        embedder = embedder_of(config.embedder)
        if name == LOCAL_NAME:
            embedder.embed_query("ready")
    except ChatError as error:
        logger.warning("the embedder %s does not work: %s", name, error)
        return Check(ok=False, message=f"The embedder {name} does not work: {error}")
    return Check(ok=True, message=f"The embedder {name} {'works' if name == LOCAL_NAME else 'is set up'}.")


def check_worker() -> Check:
    """Look whether the worker was seen lately; one that is long at one task says so in its own way."""
    beat_at = Heartbeat.objects.filter(name="worker").values_list("beat_at", flat=True).first()
    silent = timezone.now() - beat_at if beat_at else None
    if silent is not None and silent < WORKER_SILENT_AFTER:
        return Check(ok=True, message=f"The worker was seen {int(silent.total_seconds())} s ago.")
    if Stat.get_all():  # written twice a second by the process that guards the workers
        return Check(ok=True, message="The worker is busy with a long task.")
    seen = f"was last seen {beat_at:%Y-%m-%d %H:%M} UTC" if beat_at else "was never seen"
    return Check(ok=False, message=f"The worker {seen}; start it: manage.py qcluster")


def _believed(name: str, look: Callable[[], Check]) -> Check:
    found_at, found = _good.get(name, (0.0, None))
    if found is None or time.monotonic() - found_at > BELIEVED_SECONDS:
        found = look()
        if found.ok:
            _good[name] = (time.monotonic(), found)
        else:
            _good.pop(name, None)
    return found

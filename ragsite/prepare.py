"""What the database needs before the site can be used. Each step looks first, so that a second start takes no time."""

import logging
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_q.models import Schedule
from django_q.tasks import async_task

from chat.models import Collection, Document
from chat.rag.offline import OFFLINE_MODEL
from chat.services.configs import ensure_default_config

logger = logging.getLogger(__name__)

ADMINISTRATOR = "admin"
HANDBOOK = "ragsite handbook"
CONNECT_SECONDS = 10  # of waiting for a server that does not answer at all
LOCK = 7_412_001  # any number: two processes that prepare the same database at once take turns
# What the worker does each minute, by the path of the function.
EVERY_MINUTE = {
    "beat": "chat.tasks.beat",
    "sweep": "chat.tasks.sweep",
    "budgets": "chat.tasks.recount_budgets",
    "runs": "monitoring.tasks.sweep",
    "judging": "monitoring.tasks.sweep_judging",
    "reports": "monitoring.tasks.refresh_reports",
    "experiments": "monitoring.tasks.sweep_experiments",
    "webhooks": "monitoring.tasks.sweep_webhooks",
}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is there after `prepare()`."""

    administrators: list[str]
    made_up_password: str  # empty unless an administrator was just made and RAGSITE_ADMIN_PASSWORD is unset
    collections: int
    documents: int
    model: str

    def as_lines(self) -> list[str]:
        """Return what a person wants to know, one line each."""
        name = self.administrators[0] if self.administrators else ADMINISTRATOR
        if self.made_up_password:
            who = f"{name}, password {self.made_up_password} (shown this once)"
        else:
            # In a container, or under a Python of one's own, there is no .venv.
            python = ".venv/bin/python" if Path(sys.prefix) == settings.BASE_DIR / ".venv" else "python"
            who = f"{name} (forgot the password? {python} manage.py changepassword {name})"
        offline = self.model == OFFLINE_MODEL
        answers = (
            "quoted from the documents; no model is set up (.env.example says how)" if offline else f"by {self.model}"
        )
        signup = ["Sign up:   open to whoever reaches this address (RAGSITE_SIGNUP=false closes it)"]
        return [
            f"Sign in:   {who}",
            *(signup if settings.SIGNUP_OPEN else []),
            f"Documents: {self.documents}",
            f"Answers:   {answers}",
            "Demo data: a month of made-up traffic for the dashboard, made and removed there with one click",
        ]


def prepare() -> Prepared:
    """Bring the database up to date: tables, cache, schedules, administrator, default config, handbook. Raises
    CommandError where it lets nobody in."""
    _reach_database()
    # Before the first upload too, so that a backup finds it.
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        migrate()
        call_command("createcachetable", verbosity=0)
        schedule()
        password = make_administrator()
        config = ensure_default_config()
        ingest_handbook()
    return Prepared(
        administrators=administrators(),
        made_up_password=password,
        collections=Collection.objects.count(),
        documents=Document.objects.ready().count(),
        model=config.model,
    )


def migrate() -> None:
    """Apply migrations, when some are missing."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        logger.info("migrating the database")
        call_command("migrate", verbosity=0, interactive=False)


def schedule() -> None:
    """Let the worker do its rounds each minute, and the first one at once, so that /readyz sees it soon."""
    for name, function in EVERY_MINUTE.items():
        Schedule.objects.update_or_create(
            name=name, defaults={"func": function, "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
        )
    async_task(EVERY_MINUTE["beat"])


def make_administrator() -> str:
    """Make the administrator when there is none; return the password if it was made up, else an empty text."""
    if administrators():
        return ""
    chosen = settings.ADMIN_PASSWORD
    password = chosen or secrets.token_urlsafe(9)
    get_user_model().objects.create_superuser(ADMINISTRATOR, "", password)
    return "" if chosen else password


def ingest_handbook() -> None:
    """Take in docs/, or another folder, as the sample knowledge base, when there is no collection at all."""
    if not settings.SAMPLE_DOCUMENTS or Collection.objects.exists():
        return
    try:
        call_command("ingest", settings.SAMPLE_DOCUMENTS, collection=HANDBOOK, stdout=sys.stderr)
    except CommandError as error:  # the site works without its handbook
        logger.warning("the handbook could not be taken in whole: %s", error)


def administrators() -> list[str]:
    """Return the names of those who may do everything."""
    return [user.get_username() for user in get_user_model().objects.filter(is_superuser=True, is_active=True)[:5]]


def _reach_database() -> None:
    """Connect without the pool, which waits for half a minute and does not say what was wrong."""
    try:
        psycopg.connect(**{"connect_timeout": CONNECT_SECONDS, **connection.get_connection_params()}).close()
    except psycopg.OperationalError as error:
        place = connection.settings_dict
        where = f"{place['NAME']} at {place['HOST'] or 'this machine'}" + (f":{place['PORT']}" if place["PORT"] else "")
        raise CommandError(f"The database {where} cannot be reached; see DATABASE_URL. {error}") from error


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])

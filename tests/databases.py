"""Databases for tests. The migrations run once for each version of them, into a template that stays on the server; a
test run, each of its processes, and a site for browsers copy it, which takes a moment."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = os.environ.get("RAGSITE_TEST_DATABASE", "test_ragsite") + "_template"
LOCK = 7_412_002  # any number: processes that want the template at the same time take turns
# Their rows come from the models, not from tests: emptied, they would be filled anew for each test.
KEPT_FILLED = ("django_content_type", "auth_permission")
# What the reports keep of other tables, by triggers that are off while these are emptied.
ROLLUPS = [
    f"reports.{kind}_{span}" for kind in ("turn", "latency", "feedback", "score", "call") for span in ("hour", "day")
]

# Migrations make each model many times: without collecting garbage on the way they take a sixth less.
MIGRATE = """
import gc
gc.disable()
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0, interactive=False)
call_command("createcachetable", verbosity=0)
"""
# For as long as a template is used, its site is one that was installed just now, on which no worker can be missed yet.
JUST_INSTALLED = "UPDATE django_migrations SET applied = now() + interval '10 years'"


@contextmanager
def own_database(name: str) -> Iterator[str]:
    """Make a database with all tables on the tests' server, yield its address, and drop it."""
    with _server() as server:
        _make_template(server)
        # A run that was killed may have left one.
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        _copy_template(server, name)
    try:
        yield address_of(name)
    finally:
        with _server() as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def django_on(name: str) -> Iterator[None]:
    """Let Django use another database of the server."""
    before = connection.settings_dict["NAME"]
    _name_database(name)
    try:
        yield
    finally:
        _name_database(before)


def address_of(name: str) -> str:
    """The URL of a database on the tests' server."""
    head, _, query = os.environ["DATABASE_URL"].partition("?")
    return head.rpartition("/")[0] + f"/{name}" + (f"?{query}" if query else "")


def empty_all_tables() -> None:
    """Empty the tables that hold rows. Django's own flush truncates all of them, which makes hundreds of files, and
    then asks for each permission whether it is there."""
    with connection.cursor() as cursor:
        names = [name for name in connection.introspection.django_table_names() if name not in KEPT_FILLED]
        names.append(settings.CACHES["default"]["LOCATION"])  # which has no model
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in names))
        filled = [name for (name,) in cursor.fetchall()]
        if not filled:
            return
        cursor.execute("SELECT current_setting('is_superuser')")
        if cursor.fetchone() != ("on",):
            cursor.execute(f"TRUNCATE {', '.join(filled)} CASCADE")
            return
    with transaction.atomic(), connection.cursor() as cursor:
        # Neither triggers nor foreign keys: all goes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in (*filled, *ROLLUPS, "reports.change", "reports.judge_error"):
            cursor.execute(f"DELETE FROM {name}")


def _server() -> psycopg.Connection:
    return psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def _name_database(name: str) -> None:
    connection.close()
    connection.close_pool()
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


def _make_template(server: psycopg.Connection) -> None:
    """Make the template, unless there is one of these migrations."""
    wanted, name = _fingerprint(), sql.Identifier(TEMPLATE)
    server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        found = server.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [TEMPLATE]
        ).fetchone()
        if found == (wanted,):
            return
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        # In a process of its own: this one may not be let near a database yet, or use another.
        environment = os.environ | {"DATABASE_URL": address_of(TEMPLATE)}
        subprocess.run([sys.executable, "-c", MIGRATE], cwd=ROOT, env=environment, check=True)
        with psycopg.connect(address_of(TEMPLATE), autocommit=True) as template:
            template.execute(JUST_INSTALLED)
        # Last, so that one that was begun only is not taken for whole.
        server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(wanted)))
    finally:
        server.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def _copy_template(server: psycopg.Connection, name: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    server.execute(statement.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    # Nobody minds when a test's last rows are lost with the power.
    server.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))


def _fingerprint() -> str:
    """A hash of what decides what the tables look like: versions of packages, our migrations, and how this file uses
    them."""
    files = [
        Path(__file__),
        ROOT / "requirements" / "base.txt",
        *sorted(path for path in ROOT.glob("*/migrations/**/*") if path.is_file() and path.suffix != ".pyc"),
        *sorted(path for app in ("chat", "monitoring") for path in (ROOT / app).glob("**/*.sql")),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

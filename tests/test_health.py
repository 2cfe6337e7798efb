"""/healthz says that the process answers, /readyz whether each part works."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.utils import OperationalError
from django.utils import timezone
from django_q.status import Stat

from chat.models import Embedder, Heartbeat, PipelineConfig
from chat.services.configs import ensure_default_config
from ragsite import health

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget():
    """What one test found good is not believed in the next."""
    health._good.clear()
    yield
    health._good.clear()


@pytest.fixture
def ready_site():
    """A prepared database, and a worker that was just seen."""
    ensure_default_config()
    Heartbeat.objects.create(name="worker", beat_at=timezone.now())


def test_alive_without_asking_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert response.status_code == 200
    assert response.content == b"ok\n"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_only_looking_is_allowed(client, path):
    assert client.post(path).status_code == 405


def test_ready_when_every_part_works(client, ready_site):
    response = client.get("/readyz")

    assert response.status_code == 200
    content = response.json()
    assert content["ready"] is True
    assert {name: check["ok"] for name, check in content["checks"].items()} == {
        "database": True,
        "migrations": True,
        "embedder": True,
        "worker": True,
    }
    assert response["Cache-Control"].startswith("max-age=0")


def test_second_look_is_cheap(client, ready_site, django_assert_num_queries):
    client.get("/readyz")

    with django_assert_num_queries(2):  # does the database answer, and when was the worker seen
        client.get("/readyz")


def failed(client) -> dict[str, str]:
    """The messages of the checks that fail; asserts that the answer is 503."""
    response = client.get("/readyz")
    assert response.status_code == 503
    content = response.json()
    assert content["ready"] is False
    return {name: check["message"] for name, check in content["checks"].items() if not check["ok"]}


def test_worker_that_was_never_seen(client, ready_site):
    Heartbeat.objects.all().delete()

    assert failed(client) == {"worker": "The worker was never seen; start it: manage.py qcluster"}


def test_worker_that_is_silent(client, ready_site):
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5))

    assert list(failed(client)) == ["worker"]


def test_worker_at_a_long_task_is_no_failure(client, ready_site, monkeypatch):
    Heartbeat.objects.update(beat_at=timezone.now() - timedelta(minutes=5))
    # what the process that guards the workers writes to the cache twice a second
    monkeypatch.setattr(Stat, "get_all", staticmethod(lambda: ["a cluster"]))

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["checks"]["worker"]["message"] == "The worker is busy with a long task."


def test_missing_migration_is_named(client, ready_site):
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'chat' AND name = "
            "(SELECT max(name) FROM django_migrations WHERE app = 'chat')"
        )

    messages = failed(client)

    assert messages["migrations"].startswith("1 migrations are missing (chat.0")
    assert messages["worker"] == "Not looked at, because something before it fails."


def test_embedder_that_cannot_be_loaded(client, ready_site):
    row = Embedder.objects.create(name="elsewhere/some-model", dimensions=3)
    PipelineConfig.objects.update(embedder=row)

    messages = failed(client)

    assert messages["embedder"].startswith("The embedder elsewhere/some-model does not work")


def test_missing_default_config(client, ready_site):
    PipelineConfig.objects.update(is_default=False)

    assert failed(client) == {"embedder": "There is no default config; run: manage.py prepare"}


def test_database_that_does_not_answer(client, ready_site, monkeypatch):
    def refuse():
        raise OperationalError("connection refused by db.internal")

    monkeypatch.setattr(connection, "cursor", refuse)

    messages = failed(client)

    assert messages["database"] == "The database does not answer; look at DATABASE_URL and the database's log."
    assert set(messages) == {"database", "migrations", "embedder", "worker"}

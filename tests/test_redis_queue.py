"""Redis as the queue of background tasks: a real server, and a real worker beside a web process's settings."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import Success
from django_q.status import Stat
from django_q.tasks import async_task
from redis import Redis
from redis.exceptions import RedisError

from chat.models import Document
from chat.services.documents import INGEST_TASK, sweep_uploads
from ragsite import health
from tests.browser.site import ending
from tests.databases import address_of
from tests.factories import make_document

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="needs Redis (Debian: apt-get install redis-server)"),
]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    """A Redis of this module."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    with ending(subprocess.Popen(command, stdout=subprocess.DEVNULL)), Redis(port=port) as client:
        assert eventually(lambda: answers(client))
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture
def queue(redis_url, settings, monkeypatch):
    """The queue of a process whose RAGSITE_REDIS_URL names the server, which django-q reads when it is loaded."""
    with broker_at(redis_url, settings, monkeypatch) as queue:
        yield queue


@contextmanager
def broker_at(url, settings, monkeypatch):
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "redis": url}
    monkeypatch.setattr(Conf, "BROKER_CLASS", "ragsite.queue.RedisQueue")
    monkeypatch.setattr(Conf, "REDIS", url)
    queue = get_broker()
    yield queue
    queue.connection.close()


def answers(client) -> bool:
    try:
        return client.ping()
    except RedisError:
        return False


def eventually(is_so, seconds=30) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_settings_choose_the_queue(redis_url):
    show = "from django_q.brokers import get_broker; print(type(get_broker()).__name__)"
    command = [sys.executable, "-c", f"import django; django.setup(); {show}"]
    environment = os.environ | {"RAGSITE_REDIS_URL": redis_url}

    named = subprocess.check_output(command, cwd=ROOT, env=environment, text=True).strip()

    assert (named, type(get_broker()).__name__) == ("RedisQueue", "ORM")


def test_a_task_appears_when_its_transaction_ends_and_not_where_that_fails(queue):
    queue.purge_queue()
    with transaction.atomic():
        async_task("chat.tasks.beat", broker=queue)
        before = queue.queue_size()
    after = queue.queue_size()
    with pytest.raises(RuntimeError), transaction.atomic():
        async_task("chat.tasks.beat", broker=queue)
        raise RuntimeError("no")

    assert (before, after, queue.queue_size()) == (0, 1, 1)
    queue.purge_queue()


def test_redis_that_is_gone_hinders_nobody(settings, monkeypatch, caplog):
    with broker_at("redis://127.0.0.1:1/0", settings, monkeypatch) as queue:
        async_task("chat.tasks.beat", broker=queue)
        assert Stat.get_all(broker=queue) == []
        assert not health.check_worker().ok

    assert "redis does not answer" in caplog.text
    assert "on_commit" in caplog.text  # Django's own line, with the traceback


def test_an_upload_whose_worker_was_killed_is_queued_again(queue, settings):
    queue.purge_queue()
    lost, fresh, ready = (make_document(source_id=name) for name in ("lost.md", "fresh.md", "ready.md"))
    long_ago = timezone.now() - timedelta(seconds=settings.Q_CLUSTER["retry"] + 60)
    Document.objects.filter(pk__in=[lost.pk, fresh.pk]).update(status=Document.Status.PROCESSING)
    Document.objects.filter(pk__in=[lost.pk, ready.pk]).update(updated_at=long_ago)

    assert [sweep_uploads(), sweep_uploads()] == [1, 0]

    assert queue.queue_size() == 1
    lost.refresh_from_db()
    assert lost.status == Document.Status.QUEUED
    queue.purge_queue()


def test_with_postgresql_uploads_are_left_to_its_queue(settings):
    document = make_document(source_id="lost.md")
    Document.objects.filter(pk=document.pk).update(status="PROCESSING", updated_at=timezone.now() - timedelta(days=1))

    assert sweep_uploads() == 0


@pytest.mark.slow
def test_a_worker_takes_tasks_from_redis_and_ends_in_order_when_its_group_is_told_to(queue, redis_url):
    queue.purge_queue()
    async_task(INGEST_TASK, 4_000_000_000, broker=queue)  # there is no such document
    database = {"DATABASE_URL": address_of(connection.settings_dict["NAME"]), "RAGSITE_REDIS_URL": redis_url}

    command = [sys.executable, "manage.py", "qcluster", "--skip-checks"]
    worker = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | database, stderr=subprocess.DEVNULL, start_new_session=True
    )
    with ending(worker):
        assert eventually(lambda: Success.objects.filter(func=INGEST_TASK).exists(), 90)
        assert eventually(lambda: Stat.get_all(broker=queue))
        children = psutil.Process(worker.pid).children(recursive=True)
        os.killpg(worker.pid, signal.SIGTERM)  # as `make run` does
        assert worker.wait(60) == 0

    assert len(children) >= 4
    assert not any(child.is_running() for child in children)
    assert Success.objects.get(func=INGEST_TASK).result == "gone"
    assert queue.queue_size() == 0

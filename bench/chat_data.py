"""The knowledge base and the users that bench/chat.py asks with; imported after django.setup()."""

import os

import numpy as np
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections

from chat.models import Chunk, Collection, Conversation, Document, Embedding, Turn
from chat.services.configs import ensure_default_config
from chat.services.knowledge import embedder_of

COLLECTION = "bench"
SUBJECTS = ("pump", "valve", "boiler", "turbine", "filter", "sensor", "motor", "gearbox", "cooler", "fan")
ACTIONS = [
    "set",
    "checked",
    "replaced",
    "cleaned",
    "calibrated",
    "lubricated",
    "started",
    "stopped",
    "inspected",
    "aligned",
]
BATCH = 2000


def fill(chunks: int) -> None:
    """Make `chunks` chunks of one sentence or two, with vectors near those of 500 real sentences, unless they stand."""
    config = ensure_default_config()
    if Chunk.objects.filter(collection__name=COLLECTION).count() == chunks:
        return
    Collection.objects.filter(name=COLLECTION).delete()
    collection = Collection.objects.create(name=COLLECTION)
    numbers = np.random.default_rng(7)
    base = embedder_of(config.embedder).embed_documents([sentence(i) for i in range(500)]).vectors
    for begin in range(0, chunks, BATCH):
        span = range(begin, min(begin + BATCH, chunks))
        documents = Document.objects.bulk_create(
            Document(collection=collection, source_id=str(i), title=title(i), text=sentence(i), status="READY")
            for i in span
        )
        rows = Chunk.objects.bulk_create(
            Chunk(
                document=document,
                collection=collection,
                position=0,
                title=document.title,
                text=document.text,
                start=0,
                end=len(document.text),
                content_hash=str(i),
            )
            for i, document in zip(span, documents, strict=True)
        )
        noise = base[np.arange(begin, begin + len(rows)) % len(base)] + numbers.normal(0, 0.03, (len(rows), 384))
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        Embedding.objects.bulk_create(
            Embedding(chunk=chunk, embedder=config.embedder, collection=collection, vector=vector)
            for chunk, vector in zip(rows, noise.astype(np.float32), strict=True)
        )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def title(i: int) -> str:
    return f"How is {SUBJECTS[i % 10]} {i} {ACTIONS[i // 10 % 10]}?"


def sentence(i: int) -> str:
    subject, action = SUBJECTS[i % 10], ACTIONS[i // 10 % 10]
    return (
        f"The {subject} number {i} is {action} by hand every {i % 11 + 2} weeks. "
        f"Its pressure of {i % 90 + 10} bar is set at station {i % 37}, before the {SUBJECTS[i // 3 % 10]} starts."
    )


def session_cookies(count: int) -> list[str]:
    """Return session cookies of `count` users, made without the sign-in page; earlier conversations are removed."""
    Conversation.objects.all().delete()
    users = get_user_model().objects
    for i in range(users.filter(username__startswith="bench").count(), count):
        users.create(username=f"bench{i}", password="!")
    keys = []
    for user in users.filter(username__startswith="bench").order_by("pk")[:count]:
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        keys.append(session.session_key)
    return keys


def whole_answers(model: str, tokens: int) -> int:
    """Return how many turns of `model` are stored as done with all their tokens."""
    try:
        turns = Turn.objects.filter(model=model, status=Turn.Status.DONE).values_list("answer", flat=True)
        return sum(len(answer.split()) >= tokens for answer in turns)
    finally:
        connections.close_all()


def web_connections() -> int:
    """Return the database connections of other processes than this one."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND backend_type = 'client backend'"
            )
            return cursor.fetchone()[0] - own_connections()
    finally:
        connections.close_all()


def own_connections() -> int:
    """Return how many connections this process's pool holds."""
    pool = connection.pool
    return pool.get_stats()["pool_size"] if pool else 1


assert os.environ.get("DJANGO_SETTINGS_MODULE"), "imported by bench/chat.py, after its environment is set"

"""The queue of background tasks in Redis, where RAGSITE_REDIS_URL names one; else PostgreSQL is the queue."""

import logging
from typing import Any

from django.db import transaction
from django_q.brokers.redis_broker import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class RedisQueue(Redis):  # type: ignore[misc] # the library has no types
    """What the queue in PostgreSQL does by itself: a task appears when its transaction ends and never before, and not
    at all when that fails. Redis that does not answer is logged and hinders no answer: the worker's rounds find what it
    was not told of."""

    def enqueue(self, task: bytes) -> None:
        transaction.on_commit(lambda: self.connection.rpush(self.list_key, task), robust=True)

    def get_stats(self, pattern: str) -> list[Any] | None:
        """Return what guards of workers said lately; None where there is none, or no Redis."""
        try:
            keys = self.connection.keys(pattern=pattern)
            return list(self.connection.mget(keys)) if keys else None
        except RedisError as error:
            logger.warning("redis does not answer: %s", error)
            return None

"""Long replies: the same lines for a server that is asynchronous, with no connection held while the client reads."""

import asyncio

import pytest
from django.db import connection
from psycopg.pq import TransactionStatus

from chat.models import Collection
from chat.streamed_lines import LinesResponse
from tests.factories import make_collection


@pytest.mark.django_db(transaction=True)
def test_lines_arrive_whole_and_their_connection_is_given_back():
    for name in ("a", "b"):
        make_collection(name=name)
    used = []

    def lines():
        used.append(connection.connection)
        for collection in Collection.objects.order_by("name").iterator():
            yield f"{collection.name}\n"
        used.append(connection.connection)

    async def read() -> tuple[bytes, bool]:
        parts = [part async for part in LinesResponse(lines())]
        return b"".join(parts), used[1].info.transaction_status == TransactionStatus.IDLE

    assert asyncio.run(read()) == (b"a\nb\n", True)
    assert used[1] is not connection.connection


def test_more_than_memory_should_hold_comes_in_parts():
    line = "x" * 999 + "\n"

    async def sizes() -> list[int]:
        return [len(part) async for part in LinesResponse(line for _ in range(3000))]

    parts = asyncio.run(sizes())

    assert sum(parts) == 3_000_000
    assert max(parts) <= 65_536


def test_a_reader_that_is_synchronous_gets_them_one_by_one():
    assert list(LinesResponse(iter(["a\n", "b\n"]))) == [b"a\n", b"b\n"]

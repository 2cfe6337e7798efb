"""Blocks with their rows, made ahead: while PostgreSQL takes one in, a thread draws and formats the next. So two blocks
are held at a time."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from django.db import connection

from monitoring.synthetic.traffic.arrays import Floats, Ints
from monitoring.synthetic.traffic.drawing import Block, draw_block
from monitoring.synthetic.traffic.rows import conversation_ids, tables_of
from monitoring.synthetic.traffic.tables import Table, joined
from monitoring.synthetic.traffic.writing import Writing

NEXT_IDS_SQL = """
SELECT nextval('chat_turn_id_seq'::regclass)
  FROM generate_series(1, %(count)s)
"""


@dataclass(frozen=True, slots=True)
class Made:
    """A block and its rows, those first that others refer to."""

    block: Block
    tables: tuple[Table, ...]


def made_ahead(writing: Writing) -> Generator[Made, None, None]:
    """Yield all blocks of a world. Only the caller's thread asks the database; close it to end the other one."""
    with ThreadPoolExecutor(1, "making") as pool:
        before: Future[Made] | None = None
        for number, begins, counts in writing.world.blocks():
            ids = next_turn_ids(int(counts.sum()))
            future = pool.submit(_make, writing, number, begins, counts, ids)
            if before:
                yield before.result()
            before = future
        if before:
            yield before.result()


def next_turn_ids(count: int) -> Ints:
    """Take ids of turns that nobody else gets."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IDS_SQL, {"count": count})
        return np.asarray([turn_id for (turn_id,) in cursor.fetchall()], np.int64)


def _make(writing: Writing, number: int, begins: Floats, counts: Ints, ids: Ints) -> Made:
    block = draw_block(writing.world, writing.prices, number, begins, counts)
    replaced = np.append(0, np.where(block.asked.is_current, 0, ids)[:-1])
    tables = tables_of(writing, block, conversation_ids(block), ids, replaced)
    return Made(block, tuple(map(joined, tables)))

"""Writing a world into the database by COPY, a block in a transaction.

    copy_world(world, *, on_turns=None, on_block=None) -> int

Draws and writes all turns of a world (`plan_world(WorldArguments(...), read_library(seed=...))`) with their hits,
calls, feedback, signals and scores, and returns how many turns there are. It streams: a block of about BLOCK_TURNS
turns is held at a time, whatever the size of the world. `on_turns(n)` is called after each block that is stored, and
`on_block(block)` is handed what was drawn, to count it.
"""

from collections.abc import Callable, Iterable
from itertools import islice

from django.db import connection, transaction
from psycopg import sql

from monitoring.synthetic.traffic.drawing import Block, draw_blocks
from monitoring.synthetic.traffic.prices import prices_of
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.rows import conversation_ids, tables_of
from monitoring.synthetic.traffic.standing_rows import ensure_rows
from monitoring.synthetic.traffic.tables import Table
from monitoring.synthetic.traffic.world import World
from monitoring.synthetic.traffic.writing import Writing

LINES_AT_ONCE = 1000
NEXT_IDS_SQL = """
SELECT nextval(pg_get_serial_sequence('chat_turn', 'id'))
  FROM generate_series(1, %(count)s)
"""


def copy_world(
    world: World,
    *,
    on_turns: Callable[[int], None] | None = None,
    on_block: Callable[[Block], None] | None = None,
) -> int:
    """Draw and store a world; return how many turns it has."""
    writing = writing_of(world)
    stored = 0
    for block in draw_blocks(world, writing.prices):
        copy_block(writing, block)
        stored += len(block)
        if on_block:
            on_block(block)
        if on_turns:
            on_turns(len(block))
    return stored


def writing_of(world: World) -> Writing:
    """Make the rows that a world stands on, and return what its rows are made of."""
    prices = prices_of([model.name for model in MODELS], at=world.arguments.until)
    return Writing.of(world, ensure_rows(world.people.names), prices)


def copy_block(writing: Writing, block: Block) -> None:
    """Store a block, all or nothing."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            # Nobody is told of a block before it is stored; when the machine dies it is drawn again.
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(NEXT_IDS_SQL, {"count": len(block)})
            turn_ids = [turn_id for (turn_id,) in cursor.fetchall()]
        for rows in tables_of(writing, block, conversation_ids(block), turn_ids):
            copy_table(rows)


def copy_table(rows: Table) -> None:
    """Append rows to their table."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(rows.name), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    lines = iter(rows.lines)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        while text := "".join(_some(lines)):
            copy.write(text)


def _some(lines: Iterable[str]) -> Iterable[str]:
    return islice(lines, LINES_AT_ONCE)

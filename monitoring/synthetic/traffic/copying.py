"""Writing a world into the database by COPY, a block in a transaction.

    copy_world(world, *, on_turns=None, on_block=None) -> int

Draws and writes all turns of a world (`plan_world(WorldArguments(...), read_library(seed=...))`) with their hits,
calls, feedback, signals, scores and exposures, and returns how many turns there are. It streams: two blocks of about
BLOCK_TURNS turns are held at a time, whatever the size of the world. `on_turns(n)` is called after each block that is
stored, and `on_block(writing, block)` is handed what was drawn, to count it.

Half of what a back-fill costs is PostgreSQL's checks of foreign keys, 18 of them for each turn. Where the database's
role may, they are left out: all rows that are referred to are locked first, and counted. Then half of the work goes by
a second connection at the same time.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from datetime import UTC, datetime

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from monitoring.synthetic.traffic.beside import Beside
from monitoring.synthetic.traffic.dividing import ensure_experiment
from monitoring.synthetic.traffic.drawing import Block
from monitoring.synthetic.traffic.making import Made, made_ahead
from monitoring.synthetic.traffic.prices import prices_of
from monitoring.synthetic.traffic.profiles import MODELS
from monitoring.synthetic.traffic.standing_rows import ensure_rows
from monitoring.synthetic.traffic.tables import Table
from monitoring.synthetic.traffic.unchecked import lock_ground, may_skip_checks, note_calls, note_turns, skip_checks
from monitoring.synthetic.traffic.world import World
from monitoring.synthetic.traffic.writing import Writing

ANALYZE_SQL = """
ANALYZE chat_conversation, chat_turn, chat_hit, chat_llmcall, chat_feedback, chat_implicitsignal, monitoring_score,
        monitoring_exposure
"""
# Written by a second connection: about as much work as all the others.
BESIDE = ("chat_hit", "chat_llmcall", "monitoring_score")


def copy_world(
    world: World,
    *,
    on_turns: Callable[[int], object] | None = None,
    on_block: Callable[[Writing, Block], object] | None = None,
) -> int:
    """Draw and store a world; return how many turns it has."""
    writing = writing_of(world)
    stored = 0
    with ExitStack() as stack:
        # Inside of a transaction another connection would not see what this one wrote.
        beside = stack.enter_context(Beside()) if may_skip_checks() and not connection.in_atomic_block else None
        for made in stack.enter_context(closing(made_ahead(writing))):
            copy_block(writing, made, beside=beside)
            stored += len(made.block)
            if on_block:
                on_block(writing, made.block)
            if on_turns:
                on_turns(len(made.block))
    return stored


def analyze() -> None:
    """Tell PostgreSQL how large the tables are by now: after a removal it may take them for empty until it looks by
    itself, and count an experiment row by row."""
    with connection.cursor() as cursor:
        cursor.execute(ANALYZE_SQL)


def writing_of(world: World, *, has_experiment: bool = True) -> Writing:
    """Make the rows that a world stands on, and return what its rows are made of."""
    prices = prices_of([model.name for model in MODELS], at=min(world.arguments.until, timezone.now()))
    standing = ensure_rows(world.people.names)
    divided = None
    if has_experiment:
        since = datetime.fromtimestamp(world.since, UTC)
        divided = ensure_experiment(since=since, until=world.arguments.until, config_ids=standing.config_ids)
    return Writing.of(world, standing, prices, divided)


def copy_block(writing: Writing, made: Made, *, beside: Beside | None = None) -> None:
    """Store a block, all or nothing; with `beside` without checks of foreign keys, and by two connections, of which the
    second ends right after the first."""
    with transaction.atomic():
        if beside is None:
            copy_tables(made.tables)
            return
        skip_checks()
        lock_ground(writing)
        note_turns(made.block)
        other = beside.begin(lambda: _copy_beside(writing, made))
        with other.given_up_on_error():
            copy_tables(rows for rows in made.tables if rows.name not in BESIDE)
            other.wait_until_written()
    other.commit()


def copy_tables(tables: Iterable[Table]) -> None:
    """Append rows to their tables, in the transaction that is open; see `joined`."""
    with connection.cursor() as cursor:
        # Nobody is told of a block before it is stored; when the machine dies it is drawn again.
        cursor.execute("SET LOCAL synchronous_commit = off")
    for rows in tables:
        _copy_table(rows)


def _copy_beside(writing: Writing, made: Made) -> None:
    skip_checks()
    lock_ground(writing)
    note_turns(made.block)  # once more: votes and scores are not there before this transaction ends
    note_calls(made.block)
    copy_tables(rows for rows in made.tables if rows.name in BESIDE)


def _copy_table(rows: Table) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(rows.name), sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for text in rows.lines:
            copy.write(text)

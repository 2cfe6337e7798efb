"""Asking in real time, until stopped: finished turns are written at a steady rate as a back-fill writes them, or real
questions are put to the chat."""

import time
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
from django.db import transaction
from django.utils import timezone

from chat.models import Conversation
from monitoring.synthetic.traffic.arrays import Bools, Floats, Ints
from monitoring.synthetic.traffic.asking import Visitor
from monitoring.synthetic.traffic.copying import copy_tables, writing_of
from monitoring.synthetic.traffic.drawing import Block, draw_block
from monitoring.synthetic.traffic.making import next_turn_ids
from monitoring.synthetic.traffic.rows import conversation_ids, tables_of
from monitoring.synthetic.traffic.tables import joined
from monitoring.synthetic.traffic.texts import read_library
from monitoring.synthetic.traffic.world import WorldArguments, plan_world
from monitoring.synthetic.traffic.writing import Writing

TICK_SECONDS = 0.5
# Users are as many as for so many hours of such traffic.
_HOURS_OF_USERS = 8
_FAR = timedelta(days=36500)

T = TypeVar("T")


def go_live(
    *,
    rate: float,
    seed: int,
    zone: str = "UTC",
    seconds: float | None = None,
    limit: int | None = None,
    through_chat: bool = False,
    on_turns: Callable[[int], object] | None = None,
) -> int:
    """Ask `rate` questions a second until Ctrl-C, for so many seconds, or until `limit` are asked or more; return how
    many were asked."""
    turns = max(1, round(rate * 3600 * _HOURS_OF_USERS))
    arguments = WorldArguments(1, turns, seed, timezone.now() + _FAR, zone, quiet=True)
    world = plan_world(arguments, read_library(seed=seed))
    writing = writing_of(world, has_experiment=False)  # it goes on for ever
    deadline = None if seconds is None else time.time() + seconds
    asked = 0
    try:
        for block in _hours(writing, rate):
            for count in (_put if through_chat else _write)(writing, block, deadline):
                asked += count
                if on_turns:
                    on_turns(count)
                if limit is not None and asked >= limit:
                    return asked
            if deadline is not None and time.time() >= deadline:
                break
    except KeyboardInterrupt:
        pass  # what was being written is undone; the rest stays
    return asked


def _hours(writing: Writing, rate: float) -> Iterator[Block]:
    """Yield an hour of questions after the other, evenly spread; each begins when the one before ends."""
    world, begin, number = writing.world, time.time(), int(time.time())
    while True:
        count = max(1, round(rate * 3600))
        block = draw_block(world, writing.prices, number, np.asarray([begin]), np.asarray([count], np.int64))
        order = np.argsort(block.asked.created, kind="stable")
        created = np.empty(count)
        created[order] = begin + np.arange(1, count + 1) / rate
        nobody = np.zeros(count, np.bool_)  # reviewers come hours later
        yield replace(block, asked=replace(block.asked, created=created), is_reviewed=nobody)
        begin, number = begin + count / rate, number + 1


def _write(writing: Writing, block: Block, deadline: float | None) -> Iterator[int]:
    """Write turns when they are finished; yield how many."""
    conversations, ids = conversation_ids(block), np.zeros(len(block), np.int64)
    finished, stored = block.finished, np.zeros(len(block), np.bool_)
    for now in _ticks(deadline):
        is_due = ~stored & (finished <= now)
        # never a later turn of a conversation before an earlier one
        is_due &= ~_waits(block, stored | is_due)
        if is_due.any():
            _store(writing, block, is_due, conversations, ids)
            stored |= is_due
            yield int(is_due.sum())
        if stored.all():
            return


def _waits(block: Block, stored: Bools) -> Bools:
    """Return which turns have an earlier one of their conversation that is not stored."""
    missing = np.cumsum(~stored)
    before_first: Ints = (missing - ~stored)[block.asked.first]
    return np.asarray((missing - ~stored) > before_first[block.asked.session], np.bool_)


def _store(writing: Writing, block: Block, is_due: Bools, conversations: list[str], ids: Ints) -> None:
    """Store some turns of a block, all or nothing; fill in their ids."""
    with transaction.atomic():
        given = ids.copy()
        given[is_due] = next_turn_ids(int(is_due.sum()))
        replaced = np.append(0, np.where(block.asked.is_current, 0, given)[:-1])
        some = at_once(_taken(block, is_due))
        copy_tables(map(joined, tables_of(writing, some, conversations, given[is_due], replaced[is_due])))
        used = {conversations[place] for place in some.asked.session.tolist()}
        Conversation.objects.filter(pk__in=used).update(updated_at=timezone.now())
    ids[:] = given


def _taken(rows: T, mask: Bools) -> T:
    """Return the same dataclass of arrays with those turns only."""
    changed: dict[str, Any] = {}
    for one in fields(rows):  # type: ignore[arg-type] # a dataclass; T cannot say so
        value = getattr(rows, one.name)
        if isinstance(value, tuple):
            changed[one.name] = tuple(_taken(part, mask) for part in value)
        elif isinstance(value, np.ndarray) and len(value) == len(mask):
            changed[one.name] = value[mask]
        elif is_dataclass(value) and len(fields(value)) and not hasattr(value, "criterion"):
            changed[one.name] = _taken(value, mask)
    return replace(rows, **changed)  # type: ignore[type-var] # as above


def at_once(block: Block) -> Block:
    """Return the block with votes and verdicts at the moment that each turn is finished: nothing is of the future."""
    nothing: Floats = np.zeros(len(block))
    first = np.flatnonzero(block.asked.place == 0)
    return replace(
        block,
        asked=replace(block.asked, first=first),
        votes=replace(block.votes, after=nothing),
        verdicts=tuple(replace(said, after=nothing) for said in block.verdicts),
    )


def _put(writing: Writing, block: Block, deadline: float | None) -> Iterator[int]:
    """Put questions to the chat when they are due, one after the other; yield 1 for each."""
    with Visitor(writing, block) as visitor:
        due = np.argsort(block.asked.created, kind="stable").tolist()
        created = block.asked.created
        for now in _ticks(deadline):
            while due and created[due[0]] <= now and not (deadline and time.time() >= deadline):
                visitor.ask(due.pop(0))
                yield 1
            if not due:
                return


def _ticks(deadline: float | None) -> Iterator[float]:
    """Yield the time again and again, until the deadline."""
    while deadline is None or time.time() < deadline:
        yield time.time()
        time.sleep(TICK_SECONDS)

"""Searches of the admin for words in recorded texts, quick for words that are rare and for those that are common.

PostgreSQL would take the same way for both: the index of words, which lists all rows of a common word before they can
be put in the order of time; or the list by time, which it reads to its end for a word that nobody wrote. So what its
statistics and a look at the newest rows say of the words decides. Rows of rare words are looked up in the index; of
common words some stand on each page of the list, and it is read by time.
"""

import json
from typing import Any

from django.db import OperationalError, connection
from django.db.models import BooleanField, OuterRef, Q, QuerySet, Subquery, Value

from chat.admin.keyset import is_timeout, time_limit
from chat.models import Conversation, Turn
from chat.models.turn import TurnQuerySet

# Beyond so many, or where it takes longer, the rows of words are not listed.
MOST_LOOKED_UP = 10_000
LOOK_UP_SECONDS = 1
# The statistics may be wrong by some times; by so many they are not.
SURE_TIMES = 5
# So few are looked up at once, without a look at the newest rows.
FEW = 1_000
# Words that fill a page within so many of the newest rows are found by reading the list by time.
NEWEST, PAGE = 20_000, 50

# Leaves the index of words as the only way, for the transaction.
BY_INDEX_SQL = """
SELECT set_config('enable_seqscan', %(enabled)s, true),
       set_config('enable_indexscan', %(enabled)s, true),
       set_config('enable_indexonlyscan', %(enabled)s, true)
"""


def search_turns(turns: TurnQuerySet, typed: str) -> TurnQuerySet:
    """Return those of the turns whose question has the words. Up to nine queries."""
    asking = Turn.objects.asking(typed)
    if _expected(asking) > FEW and _fill_a_page(turns.order_by("-created_at"), typed):
        return turns.asking(typed, by_index=False)
    found = look_up(asking)
    return turns.asking(typed) if found is None else turns.filter(pk__in=found)


def _fill_a_page(turns: TurnQuerySet, typed: str) -> bool:
    """Whether so many of the first of the turns have the words. Two queries, of which the second ends with the page."""
    edge = turns.values_list("created_at", flat=True)[NEWEST : NEWEST + 1].first()
    first = turns.filter(created_at__gte=edge) if edge else turns
    return len(first.asking(typed, by_index=False).values("pk")[:PAGE]) == PAGE


def turns_asking(typed: str, turn: str) -> Q:
    """Return the condition that the turn of a row, which `turn` names, has the words in its question."""
    found = look_up(Turn.objects.asking(typed))
    if found is not None:
        return Q(**{f"{turn}__in": found})
    return Q(_row_by_row(Turn.objects.asking(typed, by_index=False).filter(pk=OuterRef(turn))))


def conversations_asking(typed: str) -> Q:
    """Return the condition that a conversation has the words in its title or in one of its questions."""
    titled, asking = Conversation.objects.titled(typed), Turn.objects.current().asking(typed)
    by_title = look_up(titled)
    by_turn = None if by_title is None else look_up(asking, "conversation")
    if by_title is None or by_turn is None:
        titled = Conversation.objects.titled(typed, by_index=False)
        asking = Turn.objects.current().asking(typed, by_index=False)
        is_titled = _row_by_row(titled.filter(pk=OuterRef("pk")))
        return Q(is_titled) | Q(_row_by_row(asking.filter(conversation=OuterRef("pk"))))
    return Q(pk__in={*by_title, *by_turn})


def _row_by_row(found: QuerySet[Any]) -> Subquery:
    """Return whether there is such a row, for each row of the list that is read. Not EXISTS: PostgreSQL would look up
    all rows of the words first."""
    return Subquery(found.annotate(is_found=Value(True)).values("is_found")[:1], output_field=BooleanField())


def look_up(found: QuerySet[Any], key: str = "pk") -> list[Any] | None:
    """Return the key of each row that a search found, None where they are too many. Up to six queries."""
    if _expected(found) > SURE_TIMES * MOST_LOOKED_UP:
        return None
    try:
        with time_limit(LOOK_UP_SECONDS), connection.cursor() as cursor:
            cursor.execute(BY_INDEX_SQL, {"enabled": "off"})
            keys = list(found.order_by().values_list(key, flat=True)[: MOST_LOOKED_UP + 1])
            cursor.execute(BY_INDEX_SQL, {"enabled": "on"})
    except OperationalError as error:
        if not is_timeout(error):
            raise
        return None
    return keys if len(keys) <= MOST_LOOKED_UP else None


def _expected(found: QuerySet[Any]) -> int:
    """Return how many rows the database expects by its statistics; it reads none. One query, or none for no words."""
    if found.query.is_empty():
        return 0
    [plan] = json.loads(found.order_by().explain(format="json"))
    return int(plan["Plan"]["Plan Rows"])

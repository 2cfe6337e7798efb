"""Searches of the admin for words in recorded texts, quick for words that are rare and for those that are common.

PostgreSQL cannot know how often the beginnings of words occur, and would read a long list to its end for a word that
nobody wrote. So the rows are looked up in the index of words first; where they are too many for that, some stand on
each page of the list, and it is read by time.
"""

from typing import Any

from django.db import OperationalError, connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from chat.admin.keyset import is_timeout, time_limit
from chat.models import Conversation, Turn

# Beyond so many, or where it takes longer, the list is read by time.
MOST_LOOKED_UP = 10_000
LOOK_UP_SECONDS = 1

# Leaves the index of words as the only way, for the transaction.
BY_INDEX_SQL = """
SELECT set_config('enable_seqscan', %(enabled)s, true),
       set_config('enable_indexscan', %(enabled)s, true),
       set_config('enable_indexonlyscan', %(enabled)s, true)
"""


def look_up(found: QuerySet[Any], key: str = "pk") -> list[Any] | None:
    """Return the key of each row that a search found, None where they are too many. Five queries."""
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


def turns_asking(typed: str, turn: str) -> Q:
    """Return the condition that the turn of a row, which `turn` names, has the words in its question."""
    asking = Turn.objects.asking(typed)
    found = look_up(asking)
    return Q(Exists(asking.filter(pk=OuterRef(turn)))) if found is None else Q(**{f"{turn}__in": found})


def conversations_asking(typed: str) -> Q:
    """Return the condition that a conversation has the words in its title or in one of its questions."""
    titled, asking = Conversation.objects.titled(typed), Turn.objects.current().asking(typed)
    by_title, by_turn = look_up(titled), look_up(asking, "conversation")
    if by_title is None or by_turn is None:
        return Q(Exists(titled.filter(pk=OuterRef("pk")))) | Q(Exists(asking.filter(conversation=OuterRef("pk"))))
    return Q(pk__in={*by_title, *by_turn})

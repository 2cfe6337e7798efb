"""Answers on their way, over all web processes."""

from dataclasses import dataclass

from django.db import connection

# One that lives saves its text, which is its heartbeat, twice a second; one that does not is swept up.
ALIVE_SECONDS = 30

UNFINISHED_SQL = """
SELECT count(*) FILTER (WHERE status = 'PENDING'),
       count(*) FILTER (WHERE status = 'STREAMING' AND heartbeat_at > now() - make_interval(secs => %(alive)s))
  FROM chat_turn
 WHERE status IN ('PENDING', 'STREAMING')
"""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`pending`: asked, and nobody answers yet. `streaming`: a web process is answering."""

    pending: int
    streaming: int


def unfinished() -> Unfinished:
    """Count the answers on their way; one query, by the index chat_turn_unfinished."""
    with connection.cursor() as cursor:
        cursor.execute(UNFINISHED_SQL, {"alive": ALIVE_SECONDS})
        return Unfinished(*cursor.fetchone())

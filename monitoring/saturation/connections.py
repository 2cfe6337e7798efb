"""Who is connected to the database: all processes of the site together, as the server counts them."""

from dataclasses import dataclass

from django.db import connection

CONNECTIONS_SQL = """
SELECT count(*) FILTER (WHERE state = 'active'),
       count(*) FILTER (WHERE state = 'idle'),
       count(*) FILTER (WHERE state LIKE 'idle in transaction%%'),
       current_setting('max_connections')::int
  FROM pg_stat_activity
 WHERE datname = current_database()
   AND backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Connections:
    """To this database. `limit`: what the server allows over all its databases."""

    active: int
    idle: int
    idle_in_transaction: int
    limit: int


def connections() -> Connections:
    """Count the connections; one query."""
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS_SQL, {})
        return Connections(*cursor.fetchone())

"""Rows written by COPY, which keeps the times that they have: a model's own would be those of the import."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import JSONField, Model
from psycopg import sql
from psycopg.types.json import Jsonb

NEW_IDS_SQL = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"


def new_ids(model: type[Model], count: int) -> list[int]:
    """Return ids that no row has. One query."""
    with connection.cursor() as cursor:
        cursor.execute(NEW_IDS_SQL, [model._meta.db_table, count])
        return [pk for (pk,) in cursor.fetchall()]


def copy_rows(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows, which have all the same columns, in the transaction that is open."""
    if not rows:
        return
    columns = list(rows[0])
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    of_json = {field.attname for field in model._meta.concrete_fields if isinstance(field, JSONField)}
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([_value(row[name], is_json=name in of_json) for name in columns])


def _value(value: Any, *, is_json: bool) -> Any:
    return Jsonb(value) if is_json and value is not None else value

"""Column types and expressions that Django does not have."""

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.expressions import Func


class RegConfigField(models.CharField):  # type: ignore[type-arg] # not subscriptable at run time
    """Name of a PostgreSQL text-search configuration ("english"), kept as `regconfig`, because only with that type may
    `to_tsvector` stand in a generated column."""

    def db_type(self, connection: Any) -> str:
        return "regconfig"


class ChunkSearchVector(Func):
    """Lexemes of a chunk: title weighted A, body B, headings C, stemmed by the language column."""

    output_field = SearchVectorField()

    def __init__(self, *columns: Any) -> None:
        super().__init__(*(columns or ("language", "title", "text", "heading_path")))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        language, title, text, headings = (compiler.compile(e)[0] for e in self.get_source_expressions())
        return (
            f"(setweight(to_tsvector({language}, {title}), 'A')"
            f" || setweight(to_tsvector({language}, {text}), 'B')"
            f" || setweight(to_tsvector({language}, {headings}), 'C'))"
        ), ()

"""Column types and expressions that Django does not have."""

from typing import Any

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models.expressions import Func


class RegConfigField(models.CharField):  # type: ignore[type-arg] # not subscriptable at run time
    """Name of a PostgreSQL text-search configuration ("english"), kept as `regconfig`, because only with that type may
    words be stemmed in a generated column."""

    def db_type(self, connection: Any) -> str:
        return "regconfig"


class ChunkSearchVector(Func):
    """What migration 0001 filled `Chunk.search_vector` by; it is `ChunkLexemes` now."""

    output_field = SearchVectorField()
    lexemes_function = "to_tsvector"

    def __init__(self, *columns: Any) -> None:
        super().__init__(*(columns or ("language", "title", "text", "heading_path")))

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> tuple[str, Any]:
        language, title, text, headings = (compiler.compile(e)[0] for e in self.get_source_expressions())
        lexemes = self.lexemes_function
        return (
            f"(setweight({lexemes}({language}, {title}), 'A')"
            f" || setweight({lexemes}({language}, {text}), 'B')"
            f" || setweight({lexemes}({language}, {headings}), 'C'))"
        ), ()


class ChunkLexemes(ChunkSearchVector):
    """Lexemes of a chunk: title weighted A, body B, headings C, split and stemmed by `chat_lexemes` (migration
    0005_split_words) in the language of its column."""

    lexemes_function = "chat_lexemes"

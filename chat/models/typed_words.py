"""Words that a person typed into a search box over recorded texts, as PostgreSQL looks them up in an index of words."""

import re

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import F, TextField, Value
from django.db.models.functions import Concat

# Without a language: recorded texts have all of them, and what is typed is looked up as it is.
CONFIG = "simple"
_WORD = re.compile(r"\w+")
# What was pasted in by mistake costs no more than this.
_MOST_WORDS = 20


def word_vector(field: str) -> SearchVector:
    """Return the words of a field; an index on it has the same expression."""
    return SearchVector(F(field), config=CONFIG)


def word_vector_by_row(field: str) -> SearchVector:
    """Return the same words by an expression that no index has: for lists read in another order, row by row."""
    return SearchVector(Concat(F(field), Value(""), output_field=TextField()), config=CONFIG)


def word_query(typed: str) -> SearchQuery | None:
    """Return a query for texts that hold all the words, each whole or, from three letters on, as a word's beginning;
    None without a word."""
    words = _WORD.findall(typed.lower())[:_MOST_WORDS]
    if not words:
        return None
    return SearchQuery(
        " & ".join(f"'{word}':*" if len(word) > 2 else f"'{word}'" for word in words), config=CONFIG, search_type="raw"
    )

"""Places in long lists by a row's own values (keyset), so that the thousandth page costs what the first does, and none
is lost where many rows have the same value."""

from typing import Any

from django.db.models import Q


def beyond(field: str, value: Any, pk: Any, *, descending: bool) -> Q:
    """Return the rows after the one with this value and key, in a list by `field` and then by key, both descending or
    both ascending. The value is not null, nor is that of any row.

    The first comparison alone bounds the part of an index of `field` that is read.
    """
    compares = "lt" if descending else "gt"
    tied = Q(**{f"{field}__{compares}": value}) | Q(**{f"pk__{compares}": pk})
    return Q(**{f"{field}__{compares}e": value}) & tied

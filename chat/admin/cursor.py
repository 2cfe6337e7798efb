"""Where a page of a list by time ends: the time and key of its last row, as a parameter of an address."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from django.core.exceptions import ValidationError
from django.db.models import Model, Q

from chat.keyset import beyond

Direction = Literal["older", "newer"]
OLDEST = "oldest"  # in place of a cursor: the end of the list


@dataclass(frozen=True, slots=True)
class Cursor:
    """The rows older or newer than one row, which has this time and key."""

    direction: Direction
    at: datetime
    pk: Any

    def condition(self, field: str) -> Q:
        """Return which rows are meant."""
        return beyond(field, self.at, self.pk, descending=self.direction == "older")

    def text(self, listed: str) -> str:
        """Return it for an address; `listed` says of which list it is a part."""
        stamp = self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")
        return f"{self.direction}_{stamp}_{self.pk}_{mark_of(listed)}"


def read_cursor(text: str, listed: str, model: type[Model]) -> Cursor | None:
    """Return the cursor of an address; None where it is of another list, or none at all."""
    direction, stamp, pk, mark = (*text.split("_"), "", "", "", "")[:4]
    if direction not in get_args(Direction) or mark != mark_of(listed):
        return None
    try:
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        return Cursor("older" if direction == "older" else "newer", at, model._meta.pk.to_python(pk))
    except (ValueError, ValidationError):
        return None


def mark_of(listed: str) -> str:
    """Return a few characters that another choice of filters does not have: a place in one list is none in another."""
    return f"{zlib.crc32(listed.encode()):08x}"

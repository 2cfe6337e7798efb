"""Text from outside as PostgreSQL stores it: a NUL is left out, half a surrogate pair becomes U+FFFD, which is what
stands where a character is broken. Models write both, and one such character fails the whole statement."""

import re
from dataclasses import dataclass

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> str:
    """Return the text as it can be stored; two halves that follow each other become the character that they are."""
    if not _UNSTORABLE.search(text):
        return text
    return text.replace("\x00", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@dataclass(slots=True)
class StorablePieces:
    """Text that comes in pieces, cut anywhere: the first half of a pair waits for the piece after it."""

    _half: str = ""

    def feed(self, piece: str) -> str:
        """Return what of the text is certain by this piece."""
        if not self._half and not _UNSTORABLE.search(piece):
            return piece
        text = self._half + piece.replace("\x00", "")
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return storable(text.removesuffix(self._half))

    def flush(self) -> str:
        """Return what was held back at the end of the text."""
        half, self._half = self._half, ""
        return storable(half)

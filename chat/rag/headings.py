"""The headings of a Markdown text and the sections between them, found line by line: a full parse would cost more than
all else in cutting and say no more."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_HEADING_MAX_CHARS = 200
# A fence (1: marks, 2: what follows), an ATX heading (3: marks, 4: text) or an underlined one (5: text, 6: line).
_MARK = re.compile(
    r"^ {0,3}(?:(`{3,}|~{3,})([^\n]*)|(#{1,6})(?![^\s])([^\n]*))"
    r"|^([^\s\-*+>|#`~][^\n]*)\n(=+|-{2,})[ \t]*$",
    re.MULTILINE,
)
_ATX = re.compile(r" {0,3}#{1,6}(?!\S)(.*)")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Section:
    """Text from a heading (inclusive) to the next; `headings` are the texts of those above it, its own last."""

    start: int
    end: int
    headings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Heading:
    start: int
    end: int  # of its line or lines
    level: int
    text: str


def heading_text(line: str) -> str:
    """Text of a line that is an ATX heading, without marks and links; empty for any other line."""
    match = _ATX.match(line)
    return _plain(match[1]) if match else ""


def _plain(heading: str) -> str:
    text = _LINK.sub(r"\1", heading.strip().rstrip("#"))
    return " ".join(text.replace("`", "").replace("**", "").split())[:_HEADING_MAX_CHARS]


def _headings(text: str) -> Iterator[_Heading]:
    fence = ""
    for mark in _MARK.finditer(text):
        marks, info = mark[1], mark[2]
        if marks and fence:
            if marks.startswith(fence) and not info.strip():
                fence = ""
        elif marks:
            # ```code``` on one line is not a fence
            fence = marks if marks[0] == "~" or "`" not in info else ""
        elif fence:
            continue
        elif mark[3]:
            yield _Heading(mark.start(), mark.end(), len(mark[3]), _plain(mark[4]))
        elif mark.start() == 0 or text.endswith("\n\n", 0, mark.start()):
            yield _Heading(mark.start(), mark.end(), 1 if mark[6][0] == "=" else 2, _plain(mark[5]))


def sections(text: str) -> Iterator[Section]:
    """Sections that cover the whole text in order. A heading with nothing under it goes with the section that follows,
    so that no section is only a heading, unless it is the last."""
    headings = list(_headings(text))
    above: list[_Heading] = []
    start = 0
    if headings and text[: headings[0].start].strip():
        yield Section(0, headings[0].start, ())
        start = headings[0].start
    for number, heading in enumerate(headings):
        above = [*(outer for outer in above if outer.level < heading.level), heading]
        last = number + 1 == len(headings)
        end = len(text) if last else headings[number + 1].start
        if last or text[heading.end : end].strip():
            yield Section(start, end, tuple(outer.text for outer in above if outer.text))
            start = end
    if not headings:
        yield Section(0, len(text), ())

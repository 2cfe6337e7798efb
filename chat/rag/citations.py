"""Numbered citations in answers: keep those of hits that exist, remove and count the others, while the answer streams.

A citation is a number of up to three digits in square brackets, or several: [1], [1, 2], [1][2], [1-3]. What comes out
has only the first form, one number a bracket. Left alone are code blocks, code spans, Markdown links `[1](https://...)`,
and `[0]` directly after a word, which is an index and no citation.

The filter reads one character after the other and holds back only what may still become a citation that is removed (a
bracket, and the space before it), so any split of the text gives the same answer. The price: a code span that is opened
and never closed is taken to reach to the end of its line.
"""

import re
from dataclasses import dataclass

_NUMBERS = re.compile(r"\d{1,3}(?:\s*[-\u2013]\s*\d{1,3})?")  # one number or a range; \u2013 is the en dash
_CITATION = re.compile(
    rf"(?P<space>[ \t]*)\[[ \t]*(?P<numbers>{_NUMBERS.pattern}(?:\s*[,;]\s*{_NUMBERS.pattern})*)[ \t]*\]"
)
_MAX_INNER_CHARS = 60  # in the brackets; longer is no citation
_UNDECIDED = re.compile(rf"[ \t]*(?:\[[\d \t,;\u2013-]{{0,{_MAX_INNER_CHARS}}}\]?)?")


@dataclass(frozen=True, slots=True)
class CleanedAnswer:
    """`cited_ranks` in the order of their first citation; `removed` counts citations of hits that do not exist."""

    text: str
    cited_ranks: tuple[int, ...]
    removed: int


def clean_citations(text: str, hit_count: int) -> CleanedAnswer:
    """Return `text` with citations of the hits 1 to `hit_count` only."""
    citations = CitationFilter(hit_count)
    cleaned = citations.feed(text) + citations.end()
    return CleanedAnswer(cleaned, citations.cited_ranks, citations.removed)


class CitationFilter:
    """Cleans an answer that comes in pieces: `feed` each piece, then `end`; what both return is the cleaned text."""

    def __init__(self, hit_count: int) -> None:
        self.hit_count = hit_count
        self.removed = 0
        self._cited: dict[int, None] = {}  # in order of first citation
        self._held = ""
        self._last = ""  # character before what is held
        self._code = _CodeTracker()

    @property
    def cited_ranks(self) -> tuple[int, ...]:
        """Ranks of the hits cited so far, in the order of their first citation."""
        return tuple(self._cited)

    def feed(self, delta: str) -> str:
        """Take the next piece and return what is decided."""
        return "".join([self._next(character) for character in delta])

    def end(self) -> str:
        """Return what was held back; nothing may be fed after that."""
        return self._release("")

    def _next(self, character: str) -> str:
        self._code.see(character)
        if self._code.inside:
            self._last = character
            return character
        if _UNDECIDED.fullmatch(self._held + character):
            self._held += character
            return ""
        released = self._release(character)
        if _UNDECIDED.fullmatch(character):
            self._held = character
            return released
        self._last = character
        return released + character

    def _release(self, following: str) -> str:
        """Return what is held, cleaned where it is a citation. `following`: the character after it, "" at the end."""
        held, self._held = self._held, ""
        citation = _CITATION.fullmatch(held)
        if citation and following != "(" and not (held == "[0]" and self._last.isalnum()):
            kept = "".join(f"[{rank}]" for rank in self._existing(citation["numbers"]))
            held = citation["space"] + kept if kept else ""
        self._last = held[-1:] or self._last
        return held

    def _existing(self, numbers: str) -> list[int]:
        """Ranks of existing hits; a number or range that names another one counts as removed."""
        ranks: list[int] = []
        for item in _NUMBERS.findall(numbers):
            first, *rest = sorted(int(number) for number in re.findall(r"\d+", item))
            last = rest[0] if rest else first
            if first < 1 or last > self.hit_count:
                self.removed += 1
            ranks += [rank for rank in range(max(first, 1), min(last, self.hit_count) + 1) if rank not in ranks]
        self._cited.update(dict.fromkeys(ranks))
        return ranks


class _CodeTracker:
    """Knows for each character whether it stands in Markdown code: a fenced block, or a code span of one line.

    `inside` holds for the character seen last. The marks themselves count as outside at the beginning and inside at the
    end, which makes no difference, since they are no citations.
    """

    def __init__(self) -> None:
        self.inside = False
        self._fence = ""  # the run that opened the block, "" outside
        self._span = 0  # length of the run that opened the span, 0 outside
        self._run = ""  # run of ` or ~ that ends with the last character
        self._run_starts_line = False
        self._line_is_empty = True  # but for indentation, quote and list marks
        self._in_opening_line = False  # of a block
        self._closes = False  # the line is a closing fence so far

    def see(self, character: str) -> None:
        if character in "`~" and (not self._run or self._run[0] == character):
            if not self._run:
                self._run_starts_line, self._line_is_empty = self._line_is_empty, False
            self._run += character
            return
        if self._run:
            self._end_run()
        if character in "`~":
            self._run, self._run_starts_line = character, False
        elif character == "\n":
            self._end_line()
        elif not character.isspace():
            self._closes = False
            if character not in ">-*+0123456789.)":
                self._line_is_empty = False
        self.inside = bool(self._fence or self._span)

    def _end_run(self) -> None:
        run, self._run = self._run, ""
        self._closes = False
        if self._fence and not (self._in_opening_line and run[0] == "`" == self._fence[0]):
            self._closes = self._run_starts_line and run[0] == self._fence[0] and len(run) >= len(self._fence)
        elif self._fence:  # a backtick in the opening line: it was a code span of three or more
            self._span, self._fence = len(self._fence), ""
            self._end_span(run)
        elif self._span:
            self._end_span(run)
        elif self._run_starts_line and len(run) >= 3:
            self._fence, self._in_opening_line = run, True
        elif run[0] == "`":
            self._span = len(run)

    def _end_span(self, run: str) -> None:
        if run[0] == "`" and len(run) == self._span:
            self._span = 0

    def _end_line(self) -> None:
        if self._closes:
            self._fence = ""
        self._span, self._closes, self._in_opening_line, self._line_is_empty = 0, False, False, True

"""Take a chunk's Markdown apart into pieces that can be quoted on their own.

A piece is a sentence with the list, table or code block that follows it, because "Do the following:" says nothing
alone. Headings are no pieces: they say what the pieces under them are about.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

# A block up to here is kept whole; a longer list is taken item by item, anything else is cut.
BLOCK_MAX_CHARS = 600

# "Title\n---" is no heading here: in plain text and logs the dashes are a ruler, and the line above them is text.
_parser = MarkdownIt("commonmark").enable("table").disable("lheading")
# What ends in a full stop and does not end a sentence; a number does neither where it begins a line: "1. Stop".
_ABBREVIATION = re.compile(
    r"(?:(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|ca|approx|incl|no|nr|fig|dr|mr|mrs|ms|st|z\.b|d\.h|bzw)|(?:^|\n)\s*\d+)\.$",
    re.IGNORECASE,
)
# After the end of a sentence, with closing quotes and brackets; between lines; after a Chinese or Japanese full stop.
_BOUNDARY = re.compile(r"""(?<=[.!?])["')\]*_\u201d]*\s+(?=[^\sa-z])|\n|(?<=[\u3002\uff01\uff1f])""")
# A line this short was ended on purpose; a longer one may only have been wrapped.
_SHORT_LINE_CHARS = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text word for word, the heading it stands under, and the space between it and the piece before."""

    text: str
    heading: str = ""
    before: str = "\n\n"
    ends_in_block: bool = False


def split_pieces(markdown: str) -> list[Piece]:
    """Return the pieces in order; a text of headings only has none."""
    lines = re.sub(r"\r\n?", "\n", markdown).split("\n")
    pieces: list[Piece] = []
    heading, follows_sentence = "", False
    for token in _parser.parse("\n".join(lines)):
        if token.level or token.map is None:
            continue
        text = "\n".join(lines[slice(*token.map)]).strip("\n").rstrip()
        if token.type == "heading_open":
            heading, follows_sentence = text.strip("# "), False
        elif token.type == "paragraph_open":
            pieces += [Piece(sentence, heading, before) for before, sentence in _sentences(text)]
            follows_sentence = True
        elif text and token.type != "hr":
            parts = list(_parts(token, text))
            if follows_sentence and pieces and len(parts) == 1:
                introduction = pieces.pop()
                pieces.append(replace(introduction, text=f"{introduction.text}\n\n{parts[0]}", ends_in_block=True))
            else:
                pieces += [Piece(part, heading, ends_in_block=True) for part in parts]
            follows_sentence = False
    return pieces


def _sentences(paragraph: str) -> Iterator[tuple[str, str]]:
    """Yield the space before each sentence, and it; a line that was ended on purpose gets Markdown's hard break."""
    start, before = 0, "\n\n"
    for boundary in _BOUNDARY.finditer(paragraph):
        if _is_end(paragraph[start : boundary.start()], boundary[0], paragraph[boundary.end() :]):
            closing = boundary[0].rstrip()
            yield before, _shortened(f"{paragraph[start : boundary.start()]}{closing}".strip())
            start, before = boundary.end(), "  \n" if "\n" in boundary[0] else boundary[0][len(closing) :]
    if rest := paragraph[start:].strip():
        yield before, _shortened(rest)


def _is_end(sentence: str, boundary: str, rest: str) -> bool:
    if boundary != "\n":
        return not _ABBREVIATION.search(sentence)
    line = sentence.rpartition("\n")[2].rstrip()
    return line.endswith((".", "!", "?", ":", ";")) or (len(line) < _SHORT_LINE_CHARS and not rest[:1].islower())


def _shortened(text: str) -> str:
    """Cut a wall of text."""
    return text if len(text) <= BLOCK_MAX_CHARS else f"{text[:BLOCK_MAX_CHARS].rsplit(maxsplit=1)[0]} …"


def _parts(token: Token, text: str) -> Iterator[str]:
    """Yield a block whole where it is short, else a list's items, or the block's first lines."""
    if token.type == "fence":
        yield _closed_fence(text, token.markup)
    elif len(text) <= BLOCK_MAX_CHARS:
        yield text
    elif token.type in ("bullet_list_open", "ordered_list_open"):
        for item in re.split(r"\n(?=(?:[-*+]|\d+[.)])\s)", text):
            yield _shortened(item.rstrip())
    else:
        yield f"{_first_lines(text)}\n\n…"


def _closed_fence(text: str, markup: str) -> str:
    """Close a code block that is cut here, or was by the end of the chunk."""
    if len(text) > BLOCK_MAX_CHARS:
        return f"{_first_lines(text)}\n…\n{markup}"
    is_closed = "\n" in text and text.rpartition("\n")[2].strip().startswith(markup)
    return text if is_closed else f"{text}\n{markup}"


def _first_lines(text: str) -> str:
    return text[:BLOCK_MAX_CHARS].rpartition("\n")[0] or text[:BLOCK_MAX_CHARS]

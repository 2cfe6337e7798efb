"""Markdown to HTML that is safe to show, whoever wrote it.

Three walls, because an answer is written by a model that reads documents written by anybody: the parser takes no HTML
at all, links go only to http, https and mailto, and what comes out passes nh3's allow list. Pictures are never loaded:
their address would tell a stranger what was read.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

import nh3
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

from chat.models import Hit

TAGS = {
    *("a", "blockquote", "br", "button", "code", "del", "div", "em", "h2", "h3", "h4", "h5", "h6", "hr", "li", "mark"),
    *("ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "*": {"class", "id"},
    "a": {"href", "title", "target", "aria-label"},
    "button": {"type"},
    "div": {"role", "tabindex", "aria-label"},
    "ol": {"start"},
    "pre": {"tabindex"},
}
URL_SCHEMES = {"http", "https", "mailto"}
DOCUMENT_MAX_CHARS = 400_000  # of a document on one page: about half a second of rendering
HIGHLIGHT_MAX_CHARS = 20_000  # colouring is regular expressions: longer code is shown plain
CITATION = re.compile(r"\[(\d{1,3})\]")
FENCE = re.compile(r"^[ >]*(`{3,}|~{3,})(.*)$")
HEADING = re.compile(r"#{1,6}\s")
BEGINNING = re.compile(r"([-*+]|\d{1,9}[.)])\s|#{1,6}\s|`{3}|~{3}")  # of a list item, a heading or a fence
ABSOLUTE_URL = re.compile(r"^(https?://|mailto:)", re.IGNORECASE)
# Blocks that are highlighted part by part when a chunk covers only some of them.
CONTAINERS = {"bullet_list_open", "ordered_list_open", "blockquote_open", "list_item_open", "table_open", "tbody_open"}


def answer_html(text: str, hits: Iterable[Hit], turn_id: int) -> SafeString:
    """Render an answer. `[1]` becomes a link where a hit has rank 1, never inside code or another link."""
    citations = {hit.rank: (source_url(hit, turn_id), hit.document_title) for hit in hits}
    return _clean(_answers().render(text, {"citations": citations}))


def document_html(
    text: str,
    *,
    title: str = "",
    chunk_id: int | None = None,
    span: tuple[int, int] | None = None,
    link: Callable[[str], str] | None = None,
) -> SafeString:
    """Render a document; the blocks that overlap `span` (first character, one past the last) carry the class `cited`,
    the first of them the id `chunk-<id>`. A first heading that repeats the title is left out. `link` says where a link
    to a page beside it leads, "" where to nothing; without it such links are text."""
    parser = _documents()
    env: dict[str, Any] = {"link": link}
    tokens = parser.parse(text, env)
    if span:
        _highlight(parser, tokens, text, chunk_id, span)
    if len(tokens) > 3 and tokens[0].type == "heading_open" and tokens[1].content == title:
        tokens[3].attrs |= {name: value for name, value in tokens[0].attrs.items() if name == "id"}
        tokens = tokens[3:]
    return _clean(parser.renderer.render(tokens, parser.options, env))


def part_around(text: str, start: int) -> tuple[int, int]:
    """Return first character and one past the last of what a page shows of a text: all of it, or where it is very long
    the part around `start`, cut at blank lines."""
    if len(text) <= DOCUMENT_MAX_CHARS:
        return 0, len(text)
    first = max(start - DOCUMENT_MAX_CHARS // 2, 0)
    if first:
        gap = text.find("\n\n", first, start)
        first = gap + 2 if gap >= 0 else start
    last = text.rfind("\n\n", start + 1, first + DOCUMENT_MAX_CHARS)
    return first, last if last > 0 else min(first + DOCUMENT_MAX_CHARS, len(text))


def source_url(hit: Hit, turn_id: int) -> str:
    """Return where a hit can be read: its chunk in the document, or its card when the document is gone."""
    if hit.document_id is None:
        return f"#turn-{turn_id}-source-{hit.rank}"
    url = f"{reverse('chat:document', args=[hit.document_id])}?turn={turn_id}"
    return f"{url}&chunk={hit.chunk_id}#chunk-{hit.chunk_id}" if hit.chunk_id else url


def split_blocks(text: str) -> tuple[str, str]:
    """Split a growing text into what is complete and the tail that may still change. Both together are the text.

    A block is complete, outside a code fence, where a line that is not indented (an indented one may continue a list)
    follows a blank line or a heading, or begins a list item or a fence: so a long list does not stay raw to its end.
    """
    end, position, fence, after_break = 0, 0, "", False
    for line in text.splitlines(keepends=True):
        content = line.strip()
        begins = after_break or BEGINNING.match(line)
        if begins and not fence and content and line[0] not in " \t":
            end = position
        if match := FENCE.match(line.rstrip("\r\n")):
            marks, rest = match.groups()
            if not fence:
                fence = marks
            elif marks.startswith(fence) and not rest.strip():
                fence = ""
        after_break = line.endswith("\n") and (not content or HEADING.match(line) is not None)
        position += len(line)
    return text[:end], text[end:]


@lru_cache(maxsize=1)
def _answers() -> MarkdownIt:
    parser = _parser(first_heading=3)
    parser.disable("reference")  # "[1]: https://..." would take a citation elsewhere
    parser.core.ruler.push("citations", _link_citations)
    return parser


@lru_cache(maxsize=1)
def _documents() -> MarkdownIt:
    return _parser(first_heading=2)


def _parser(*, first_heading: int) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "first_heading": first_heading}).enable(
        ["table", "strikethrough"]
    )
    parser.core.ruler.push("tidy", _tidy)
    for name, rule in {"fence": _fence, "code_block": _fence, "image": _image}.items():
        parser.add_render_rule(name, rule)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    return parser


def _clean(html: str) -> SafeString:
    cleaned = nh3.clean(
        html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=URL_SCHEMES, link_rel="noopener noreferrer nofollow"
    )
    return mark_safe(cleaned)  # noqa: S308 # it has just passed the allow list


def _tidy(state: StateCore) -> None:
    """Lower headings below the page's own, align cells by class, and keep only links that lead somewhere."""
    lowest, link = state.md.options.get("first_heading", 1), state.env.get("link")
    for token, following in zip_longest(state.tokens, state.tokens[1:]):
        if link and token.type == "heading_open":
            token.attrSet("id", slugify(following.content))  # which links to a place in the page name
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + lowest - 1, 6)}"
        if style := token.attrs.pop("style", None):
            token.attrJoin("class", f"align-{str(style).rpartition(':')[2]}")
        unlinked = 0
        for child in token.children or ():
            if child.type == "link_open":
                href = str(child.attrGet("href") or "")
                if ABSOLUTE_URL.match(href):
                    child.attrSet("target", "_blank")
                elif link and (own := link(href)):
                    child.attrSet("href", own)
                else:
                    child.tag, child.attrs, unlinked = "span", {}, unlinked + 1
            elif child.type == "link_close" and unlinked:
                child.tag, unlinked = "span", unlinked - 1


def _link_citations(state: StateCore) -> None:
    citations: Mapping[int, tuple[str, str]] = state.env.get("citations", {})
    for token in state.tokens:
        if not citations or token.type != "inline" or not CITATION.search(token.content):
            continue
        children: list[Token] = []
        link_depth = 0
        for child in token.children or ():
            link_depth += {"link_open": 1, "link_close": -1}.get(child.type, 0)
            children += _with_citations(child, citations) if child.type == "text" and not link_depth else [child]
        token.children = children


def _with_citations(text: Token, citations: Mapping[int, tuple[str, str]]) -> list[Token]:
    pieces: list[Token] = []
    parts = CITATION.split(text.content)  # text, rank, text, rank, ..., text
    for content, rank in zip(parts[::2], [*parts[1::2], None], strict=True):
        if content:
            pieces.append(Token("text", "", 0, content=content))
        if rank is None:
            continue
        known = citations.get(int(rank))
        if known is None:
            pieces.append(Token("text", "", 0, content=f"[{rank}]"))
            continue
        url, title = known
        attributes = {"href": url, "class": "citation", "title": title, "aria-label": f"Source {rank}: {title}"}
        pieces.append(Token("link_open", "a", 1, attrs=dict(attributes)))
        pieces.append(Token("text", "", 0, content=f"[{int(rank)}]"))
        pieces.append(Token("link_close", "a", -1))
    return pieces


def _fence(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Mapping[str, Any], env: Mapping[str, Any]
) -> str:
    token = tokens[index]
    language = token.info.split()[0].lower() if token.info.split() else ""
    identity = f' id="{escape(token.attrGet("id"))}"' if token.attrGet("id") else ""
    return (
        f'<div class="code {escape(token.attrGet("class") or "")}"{identity}><div class="code-bar">'
        f'<span>{escape(language or "text")}</span><button type="button" class="copy-code">Copy code</button></div>'
        f'<pre tabindex="0"><code class="hl">{_coloured(token.content, language)}</code></pre></div>\n'
    )


def _coloured(code: str, language: str) -> str:
    if language and len(code) <= HIGHLIGHT_MAX_CHARS:
        try:
            return highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True))
        except ClassNotFound:
            pass
    return escape(code)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Mapping[str, Any], env: Mapping[str, Any]
) -> str:
    return escape(tokens[index].content)


def _table_open(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Mapping[str, Any], env: Mapping[str, Any]
) -> str:
    return (
        '<div class="table" role="region" aria-label="Table" tabindex="0">'
        f"<table{renderer.renderAttrs(tokens[index])}>\n"
    )


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


def _highlight(parser: MarkdownIt, tokens: list[Token], text: str, chunk_id: int | None, span: tuple[int, int]) -> None:
    """Mark the blocks that overlap the span; of a paragraph that sticks out of it, only the part inside."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    start, end = span
    while start < end and text[start : start + 1].isspace():
        start += 1
    first_line, last_line = bisect_right(starts, start) - 1, bisect_right(starts, max(start, end - 1)) - 1
    inside = -1  # level of the block that is being highlighted whole
    identity: dict[str, str | int | float] = {"id": f"chunk-{chunk_id}"} if chunk_id is not None else {}
    for index, token in enumerate(tokens):
        if inside >= 0:
            inside = -1 if token.nesting == -1 and token.level == inside else inside
            continue
        if token.type == "inline" or token.map is None or token.map[0] > last_line or token.map[1] <= first_line:
            continue
        block = starts[token.map[0]], starts[token.map[1]] if token.map[1] < len(starts) else len(text)
        sticks_out = text[block[0] : start].strip() or text[end : block[1]].strip()
        if token.type in CONTAINERS and sticks_out:
            continue
        if token.type == "paragraph_open" and token.level == 0 and sticks_out:
            parts = text[block[0] : max(block[0], start)], text[max(block[0], start) : end], text[end : block[1]]
            _mark_part(parser, tokens[index + 1], parts, identity)
        else:
            token.attrJoin("class", "cited")
            token.attrs.update(identity)
        identity = {}
        inside = token.level if token.nesting == 1 else -1


def _mark_part(
    parser: MarkdownIt, inline: Token, parts: tuple[str, str, str], identity: dict[str, str | int | float]
) -> None:
    sources = parts[0].lstrip(), parts[1], parts[2].rstrip()
    before, middle, after = (parser.parseInline(source)[0].children or [] for source in sources)
    opening = Token("mark_open", "mark", 1, attrs={"class": "cited", **identity})
    inline.children = [*before, opening, *middle, Token("mark_close", "mark", -1), *after]

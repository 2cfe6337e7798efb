"""HTML to Markdown: what a reader of the page reads, without scripts, styles, menus and pictures."""

from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup, Comment, Tag
from bs4.dammit import EncodingDetector
from markdownify import ATX, MarkdownConverter

from chat.exceptions import IngestError
from chat.ingest.encoding import decode
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile, file_document

_DROPPED = ["script", "style", "noscript", "template", "nav", "footer", "svg", "iframe", "object", "form", "button"]


class _Converter(MarkdownConverter):
    """Keeps a link only where it works outside its own site, and of a picture its description."""

    def convert_a(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        if not str(el.get("href") or "").startswith(("https://", "http://", "mailto:")):
            return text
        linked: str = super().convert_a(el, text, parent_tags)  # type: ignore[misc]  # not in its stub
        return linked

    def convert_img(self, el: Tag, text: str, parent_tags: set[str]) -> str:
        return str(el.get("alt") or "")


def _code_language(pre: Tag) -> str:
    """Language of a code block as highlighters note it: class="language-python" on it or on its `code`."""
    for tag in (pre, pre.find("code")):
        classes: Any = tag.get("class") if isinstance(tag, Tag) else None
        for name in classes or ():
            if name.startswith("language-"):
                return str(name.removeprefix("language-"))
    return ""


def to_markdown(soup: Tag) -> str:
    """Markdown of a parsed page or a part of it. Raises IngestError where it is nested beyond reason."""
    for tag in soup(_DROPPED):
        tag.decompose()
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    # In prose an escaped underscore would be neither found nor quoted as the reader knows it.
    converter = _Converter(
        heading_style=ATX,
        bullets="-",
        escape_asterisks=False,
        escape_underscores=False,
        table_infer_header=True,
        code_language_callback=_code_language,
    )
    try:
        return str(converter.convert_soup(soup))
    except RecursionError:
        raise IngestError("is nested too deeply to be read; is it damaged?") from None


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield the page as one document; its title is <title>, else the first <h1>."""
    declared = EncodingDetector.find_declared_encoding(source.data, is_html=True)
    soup = BeautifulSoup(decode(source.data, declared=declared or ""), "html.parser")
    main = soup.find("main") or soup.body or soup
    title = soup.title or main.find("h1")
    name = title.get_text(" ") if isinstance(title, Tag) else ""
    yield file_document(source, text=to_markdown(main), title=name, media_type="text/html")

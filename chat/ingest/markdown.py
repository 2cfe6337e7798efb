"""Markdown, kept as written but for the front matter of site generators."""

import re
from collections.abc import Iterator

from chat.ingest.encoding import decode
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile, clean, file_document

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?---[ \t]*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:[ \t]*(.+)$", re.MULTILINE)
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.MULTILINE | re.DOTALL)
_FIRST_HEADING = re.compile(r"^ {0,3}#[ \t]+(.+)$|^(\S.*)\n={3,}[ \t]*$", re.MULTILINE)


def first_heading(text: str) -> str:
    """The first heading of the highest level outside code blocks, without its marks; empty where there is none."""
    match = _FIRST_HEADING.search(_FENCED.sub("", text))
    if match is None:
        return ""
    return (match[1] or match[2]).strip().rstrip("#").strip("*_` ")


def read(source: SourceFile, options: ReadOptions) -> Iterator[SourceDocument | ReadProblem]:
    """Yield the file as one document; its title is the front matter's, else the first heading, else the file's name."""
    text = clean(decode(source.data))
    title = ""
    if front := _FRONT_MATTER.match(text):
        text = text[front.end() :]
        if named := _FRONT_TITLE.search(front[1] or ""):
            title = named[1].strip().strip("\"'")
    yield file_document(source, text=text, title=title or first_heading(text), media_type="text/markdown")

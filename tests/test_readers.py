"""Reading files: each format becomes Markdown, each bad file a reason."""

import io
import zipfile

import pytest

from chat.ingest.readers import FoundFile, read, read_source, walk
from chat.ingest.source import ReadOptions, ReadProblem, SourceDocument, SourceFile
from tests.sample_files import lock_pdf, make_docx, make_pdf

FAQ = ReadOptions(id_field="id", title_field="question", text_field="text", heading_fields=("section",))


def items(name, data, options=None):
    return list(read_source(SourceFile(name, data), options or ReadOptions()))


def document(name, data, options=None):
    (item,) = items(name, data, options)
    assert isinstance(item, SourceDocument), str(item)
    return item


def reason(name, data, options=None):
    (item,) = items(name, data, options)
    assert isinstance(item, ReadProblem)
    assert item.kind == "failed"
    return str(item)


def zipped(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def test_markdown_keeps_its_text_and_takes_the_first_heading_as_title():
    read_back = document("guide/install.md", b"Before\n\n```\n# not this\n```\n\n# Install `it`\r\n\r\nRun make.\n")

    assert read_back.source_id == "guide/install.md"
    assert read_back.title == "Install `it"
    assert read_back.text == "Before\n\n```\n# not this\n```\n\n# Install `it`\n\nRun make."
    assert read_back.media_type == "text/markdown"


def test_front_matter_gives_the_title_and_is_left_out():
    read_back = document("a.md", b"---\ntitle: 'Getting started'\ntags: [x]\n---\n# Other\n\nBody")

    assert (read_back.title, read_back.text) == ("Getting started", "# Other\n\nBody")


def test_file_without_heading_is_titled_by_its_name():
    assert document("notes/how-to_start.txt", b"Only text").title == "how to start"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings_are_read(encoding):
    assert document("a.txt", "Grüße, 你好".encode(encoding)).text == "Grüße, 你好"


def test_html_is_read_without_menus_and_scripts():
    page = b"""<html><head><title>Travel &amp; hotels</title><style>p {}</style></head><body>
    <nav>Home | About</nav><main><h1>Travel</h1><p>Take the <b>train</b>, see <a href="/x">rules</a> or
    <a href="https://example.org/r">these</a>.</p><script>alert(1)</script><!-- hidden -->
    <pre><code class="language-sh">make run_all</code></pre>
    <table><tr><th>City</th></tr><tr><td>Graz</td></tr></table></main><footer>Imprint</footer></body></html>"""

    read_back = document("travel.html", page)

    assert read_back.title == "Travel & hotels"
    assert read_back.text == (
        "# Travel\n\nTake the **train**, see rules or\n[these](https://example.org/r).\n\n"
        "```sh\nmake run_all\n```\n\n| City |\n| --- |\n| Graz |"
    )


def test_html_may_declare_its_encoding():
    assert document("a.html", '<meta charset="iso-8859-1"><p>café</p>'.encode("latin-1")).text == "café"


def test_word_document_becomes_markdown():
    read_back = document("travel.docx", make_docx())

    assert read_back.title == "Travel policy"
    assert read_back.text == (
        "# Travel policy\n\nTrains are preferred to planes.\n\n## Hotels\n\n- Book early\n\n"
        "| City | Limit |\n| --- | --- |\n| Graz | 120 euro |"
    )


def test_pdf_pages_stand_under_headings():
    read_back = document("report.pdf", make_pdf("Hello world", "More on page two", title="Annual report"))

    assert read_back.title == "Annual report"
    assert read_back.text == "## Page 1\n\nHello world\n\n## Page 2\n\nMore on page two"
    assert read_back.metadata == {"pages": 2}


def test_pdf_of_one_page_has_no_page_heading():
    assert document("note.pdf", make_pdf("Hello world")).text == "Hello world"


def test_pdf_with_an_empty_page_is_read_with_a_warning():
    warning, read_back = items("a.pdf", make_pdf("Hello", ""))

    assert (warning.kind, warning.reason) == ("warning", "pages without text: 2")
    assert read_back.text == "## Page 1\n\nHello"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", b"", "a.txt: is empty"),
        ("a.txt", b" \n\n", "a.txt: is empty"),
        ("a.md", b"---\ntitle: x\n---\n", "a.md: has no text"),
        ("a.txt", b"abc\x00def", "a.txt: is not text: byte 3 is NUL, as in a binary file"),
        ("a.txt", b"ok\ncaf\xe9", "is not valid UTF-8: byte 0xe9 at position 6 (line 2); save it as UTF-8"),
        ("a.html", b'<meta charset="klingon"><p>x', "declares the encoding 'klingon', which is not known"),
        ("a.html", b"<div>" * 3000 + b"x", "is nested too deeply"),
        ("a.pdf", b"%PDF-1.7 nothing", "is a damaged PDF"),
        ("a.pdf", make_pdf("Hello")[:200], "is a damaged PDF"),
        ("a.pdf", make_pdf("", ""), "has 2 pages but no text, as a scan has; run text recognition first"),
        ("a.pdf", lock_pdf(make_pdf("x"), "secret"), "is a PDF protected by a password"),
        ("a.docx", b"not a zip", "is not a Word document"),
        ("a.docx", zipped(other="x"), "is a zip archive but not a Word document"),
        ("a.docx", zipped(word__document="<a>"), "is a damaged Word document"),
        ("a.docx", zipped(word__document=" " * (41 * 2**20)), "unpacks to 41 MB, more than 40 MB"),
        ("a.docx", make_docx()[:3000], "is not a Word document: it is damaged"),
        ("a.exe", b"MZ", "no reader for .exe; known are .csv .docx"),
        ("a.csv", b"a,b,a\n1,2,3", "has several columns named 'a'"),
        ("a.csv", b"id,note\n1,x", "say which one holds it (--text-field); its fields are: id, note"),
        ("a.json", b'{"a": 1}', "is not an array of objects"),
        ("a.json", b'[{"text": "a"} {"text": "b"}]', "a comma or ] is missing behind the object of line 1"),
        ("a.json", b"[" * 100_000, "is not JSON"),
        ("a.json", b"[]", "has no records"),
    ],
    # Not the bytes: those of an encrypted file differ in each process.
    ids=lambda value: "data" if isinstance(value, bytes) else None,
)
def test_bad_file_is_refused_with_a_reason(name, data, expected):
    assert expected in reason(name, data)


def test_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "big.txt"
    path.write_bytes(b"x" * 3 * 2**20)

    (problem,) = read(FoundFile(path, "big.txt"), ReadOptions(max_megabytes=2))

    assert "is too large: 3.0 MB, the limit is 2 MB" in str(problem)


def test_field_that_does_not_exist_is_named_with_those_that_do():
    options = ReadOptions(id_field="nr", text_field="text")

    assert (
        reason("faq.csv", b"id,text\n1,a", options) == "faq.csv: has no field 'nr' for the id; its fields are: id, text"
    )
    assert "has no field 'nr'" in reason("faq.jsonl", b'{"id": 1, "text": "a"}', options)


def test_columns_are_found_by_their_usual_names():
    data = b"id,Question,body,views\n1,When?,On Monday.,7\n"

    assert (found := document("faq.csv", data)).title == "When?"
    assert (found.text, found.metadata) == ("On Monday.", {"id": "1", "views": "7"})
    assert document("faq.csv", data, ReadOptions(text_field="Question")).title == "When?"
    assert "is named one of 'text', 'answer', 'body', 'content'" in reason("faq.csv", b"q,a\n1,2\n")


def test_csv_rows_become_documents():
    data = b'id;question;text;section;views\nq1;When?;"On Monday;\nat nine";Dates;7\n'

    read_back = document("faq.csv", data, FAQ)

    assert (read_back.source_id, read_back.title, read_back.heading_path) == ("q1", "When?", "Dates")
    assert read_back.text == "On Monday;\nat nine"
    assert read_back.metadata == {"views": "7"}
    assert read_back.place == "faq.csv, line 2"


def test_bad_rows_are_named_and_the_others_are_read():
    data = (
        b'id,question,text,section\n1,Q1,"two\nlines",S\n2,Q2\n3,Q3,,S\n,Q4,T4,S\n'
        b'5,Q5,T5,S,more\n6,Q6,T6,S\n7,"open\n8,x,y,z\n'
    )

    found = items("faq.csv", data, FAQ)

    assert [str(item) for item in found if isinstance(item, ReadProblem)] == [
        "faq.csv, line 4: has 2 cells, the header has 4; quote cells that contain ','",
        "faq.csv, line 5: the text is empty (field 'text')",
        "faq.csv, line 6: the id is empty (field 'id')",
        "faq.csv, line 7: has 5 cells, the header has 4; quote cells that contain ','",
        "faq.csv, line 9: broken row (unexpected end of data); is a quotation mark not closed or not doubled?",
    ]
    assert [item.source_id for item in found if isinstance(item, SourceDocument)] == ["1", "6"]


def test_bad_json_lines_are_named_and_the_others_are_read():
    data = b'{"text": "one"}\n{broken\n\n[1]\n{"text": ""}\n{"text": "t\\u0000w\\ud800o", "n": 3}\n'

    found = items("a.jsonl", data)

    assert [(item.line, item.reason[:11]) for item in found if isinstance(item, ReadProblem)] == [
        (2, "is not JSON"),
        (4, "is not a JS"),
        (5, "the text is"),
    ]
    assert [(item.text, item.metadata) for item in found if isinstance(item, SourceDocument)] == [
        ("one", {}),
        ("tw\ufffdo", {"n": 3}),
    ]


def test_json_array_records_know_their_line_and_collection():
    data = b'[\n {"text": "one", "course": "a"},\n\n {"text": "two", "course": "b"}\n]'

    found = items("a.json", data, ReadOptions(collection_field="course"))

    assert [(item.text, item.collection, item.line) for item in found] == [("one", "a", 2), ("two", "b", 4)]


def test_records_that_share_an_id_become_one_document():
    data = b"id,question,text,section\n1,Q1,First answer,S\n2,Q2,Other,S\n1,Q3,Second answer,T\n"

    warning, first, other = items("faq.csv", data, FAQ)

    assert str(warning) == "faq.csv, line 4: has the id '1' of line 2 too; both are kept in one document"
    assert warning.kind == "warning"
    assert (first.title, first.text) == ("Q1", "First answer\n\n## T > Q3\n\nSecond answer")
    assert other.source_id == "2"


def test_same_id_in_two_collections_is_two_documents():
    data = b"id,text,course\n1,First,a\n1,Second,b\n"

    found = items("faq.csv", data, ReadOptions(id_field="id", collection_field="course"))

    assert [(item.collection, item.source_id, item.text) for item in found] == [
        ("a", "1", "First"),
        ("b", "1", "Second"),
    ]


def test_id_without_id_field_survives_a_row_inserted_above():
    (before,) = items("a.csv", b"text\nsame\n")
    _, after = items("a.csv", b"text\nnew\nsame\n")

    assert before.source_id == after.source_id


def test_walk_is_sorted_and_names_what_it_leaves_out(tmp_path):
    for name in ("b.md", "a/z.txt", "a/y.md", ".hidden.md", ".git/config.txt", "a/picture.png", "README"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)

    found = list(walk([tmp_path, tmp_path / "missing.md", tmp_path / "a" / "y.md"]))

    assert [item.name for item in found if isinstance(item, FoundFile)] == ["b.md", "a/y.md", "a/z.txt", "y.md"]
    assert [(item.file, item.kind) for item in found if isinstance(item, ReadProblem)] == [
        (".git/", "skipped"),
        (".hidden.md", "skipped"),
        ("README", "skipped"),
        ("a/picture.png", "skipped"),
        (str(tmp_path / "missing.md"), "failed"),
    ]


def test_real_faq_is_read_whole(real_data):
    options = ReadOptions("id", "question", "text", ("section",), "course")

    found = list(read(FoundFile(real_data / "faq_documents.json", "faq_documents.json"), options))

    (repeated,) = [item for item in found if isinstance(item, ReadProblem)]
    documents = [item for item in found if isinstance(item, SourceDocument)]
    assert repeated.kind == "warning"
    assert len(documents) == 947
    assert len({item.collection for item in documents}) == 3

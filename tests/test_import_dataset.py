"""Questions from files: what is taken, what is left out and why, and that nothing is taken twice."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from chat.models import Collection, Document
from monitoring.datasets.questions import why_no_question
from monitoring.models import Dataset, DatasetItem, RelevantDocument
from tests.factories import make_collection, make_document

pytestmark = pytest.mark.django_db

JUNK = [
    "", "  ", "question", "Questions", "question1", "Question 2", "question_3", "Q2", "q2:", "q", "1", "2.", "3.11",
    "12-13", "?", "...", "--", "hm", "A?", "n/a", "None", "nan", "TODO", "<your question here>", "sample question 4",
    "test", "“question5”", "Question #6", "placeholder text", "your question",
]  # fmt: skip
REAL = [
    "Why?", "What is a question?", "How many questions are there?", "Prerequisites?", "What is Q1?", "Is 1 enough?",
    "Question 3 of homework 2: which column?", "Docker?", "为什么?", "tests in CI?", "When is the answer None?",
]  # fmt: skip


@pytest.fixture
def faq():
    collection = make_collection(name="faq")
    for name in ("a", "b", "c"):
        make_document(collection=collection, source_id=name)
    return collection


def write(tmp_path, text, name="questions.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def run(path, *args, **options):
    """Run the command; return its summary, the problems, and its error."""
    out, err = io.StringIO(), io.StringIO()
    error = ""
    try:
        call_command("import_dataset", str(path), *args, stdout=out, stderr=err, **{"name": "golden", **options})
    except CommandError as exc:
        error = str(exc)
    return out.getvalue().strip(), err.getvalue().splitlines(), error


@pytest.mark.parametrize("text", JUNK)
def test_what_is_no_question_is_named(text):
    assert why_no_question(text)


@pytest.mark.parametrize("text", REAL)
def test_a_question_is_not_refused(text):
    assert why_no_question(text) == ""


def test_rows_become_items_with_their_documents(tmp_path, faq):
    path = write(tmp_path, "q,doc,a,labels\nWho pays?,a,The office.,money; staff\nWho asks and who pays?,b;c,,\n")

    summary, problems, error = run(
        path,
        collection="faq",
        question_column="q",
        document_column="doc",
        answer_column="a",
        tags_column="labels",
        split="test",
    )

    assert (summary, problems, error) == (
        "2 added, 0 changed, 0 already there, 0 left out (golden, version 1)",
        [],
        "",
    )
    first, second = DatasetItem.objects.with_relevant()
    assert (first.question, first.expected_answer, first.tags) == ("Who pays?", "The office.", ["money", "staff"])
    assert (first.split, first.source, first.added_in, first.removed_in) == ("TEST", "IMPORTED", 1, None)
    assert (first.collection, first.cluster, first.is_answerable) == (faq, "faq/a", True)
    assert [(row.source_id, row.document.source_id, row.relevance) for row in second.relevant.all()] == [
        ("b", "b", 1),
        ("c", "c", 1),
    ]


def test_bad_rows_are_left_out_with_line_and_reason(tmp_path, faq):
    make_collection(name="other")
    path = write(
        tmp_path,
        "question,document,collection\n"
        "Who pays?,a,faq\n"
        "question1,a,faq\n"
        '"Who\nasks?",z,faq\n'
        "who  PAYS?,a,faq\n"
        "Who pays?,a,other\n"
        "Who pays?,a,nowhere\n"
        "Who pays?,a\n"
        "Who sells?,b,faq\n",
    )

    summary, problems, error = run(path)

    assert (summary, error) == ("2 added, 0 changed, 0 already there, 6 left out (golden, version 1)", "")
    assert problems == [
        "line 3: the question 'question1' is a placeholder",
        "line 4: there is no document 'z' in collection 'faq'",
        "line 6: is a duplicate of line 2: the same question, collection and documents",
        "line 7: there is no document 'a' in collection 'other'; it is in 'faq'",
        "line 8: there is no collection 'nowhere'; known: faq, other",
        "line 9: has 2 cells, the header has 3; quote cells that contain ','",
    ]


def test_the_first_twenty_problems_are_shown_and_all_on_demand(tmp_path, faq):
    path = write(tmp_path, "question,document\nWho pays?,a\n" + "question,a\n" * 25)

    _, problems, _ = run(path, collection="faq")
    _, all_problems, _ = run(path, collection="faq", verbosity=2)

    assert len(problems) == 21
    assert problems[-1] == "… and 5 more rows; -v 2 lists them all"
    assert len(all_problems) == 25


def test_strict_imports_nothing_when_a_row_is_bad(tmp_path, faq):
    path = write(tmp_path, "question,document\nWho pays?,a\nquestion1,a\n")

    summary, problems, error = run(path, collection="faq", strict=True)

    assert error == "Nothing was imported, because of --strict and the rows above."
    assert problems == ["line 3: the question 'question1' is a placeholder"]
    assert summary == "Would be: 1 added, 0 changed, 0 already there, 1 left out (golden, no new version)"
    assert not Dataset.objects.exists()


def test_a_dry_run_writes_nothing(tmp_path, faq):
    path = write(tmp_path, "question,document\nWho pays?,a\n")

    summary, _, error = run(path, collection="faq", dry_run=True)

    assert (summary, error) == ("Dry run: 1 added, 0 changed, 0 already there, 0 left out (golden, no new version)", "")
    assert not Dataset.objects.exists()


def test_a_file_without_a_usable_row_fails_and_makes_no_dataset(tmp_path, faq):
    _, _, error = run(write(tmp_path, "question,document\nquestion1,a\n"), collection="faq")

    assert error == "No row of the file can be used: see the reasons above."
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"document_column": "doc"}, 'There is no column "doc" for the document; the columns are: text, document.'),
        (
            {"question_column": ""},
            'There is no column "question"; say which one holds it (--question-column). The columns are: text',
        ),
        ({"collection": "fak"}, "There is no collection 'fak'; known: faq."),
        ({"name": "no good"}, '"no good" cannot name a dataset: use 1 to 60 of the letters a to z, digits, hyphen and'),
        (
            {"collection": "faq", "collection_column": "document"},
            "Name one collection for all rows, or the column that names it: one of the two.",
        ),
        ({"encoding": "klingon"}, 'There is no encoding "klingon"; usual ones are utf-8, latin-1 and cp1252.'),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_imported(tmp_path, faq, options, error):
    path = write(tmp_path, "text,document\nWho pays?,a\n")

    _, _, said = run(path, **{"question_column": "text", **options})

    assert said.startswith(error)
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("empty.csv", b"", "empty.csv is empty."),
        ("header.csv", b"question,document\n", "No row of the file can be used: see the reasons above."),
        ("x.xlsx", b"PK", "x.xlsx: rows are read from files that end in .csv .tsv .jsonl .ndjson .json."),
        ("latin.csv", "question\nWas heißt das?\n".encode("latin-1"), "latin.csv is not valid UTF-8"),
        ("broken.json", b'[{"question": "Who?"}', "broken.json is not JSON"),
        ("none.jsonl", b"[]\n[]", "none.jsonl has no records."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, data, error):
    _, _, said = run(write(tmp_path, data, name))

    assert said.startswith(error)


def test_another_encoding_is_read_when_it_is_named(tmp_path):
    path = write(tmp_path, "question\nWas heißt das?\n".encode("latin-1"))

    run(path, encoding="latin-1")

    assert DatasetItem.objects.get().question == "Was heißt das?"


def test_a_missing_file_is_named(tmp_path):
    assert run(tmp_path / "gone.csv")[2] == f"{tmp_path / 'gone.csv'} cannot be opened (No such file or directory)."


def test_the_same_file_again_changes_nothing(tmp_path, faq):
    path = write(tmp_path, "question,document,answer\nWho pays?,a,The office.\nWho asks?,b,\n")
    run(path, collection="faq")

    summary, _, _ = run(path, collection="faq")

    assert summary == "0 added, 0 changed, 2 already there, 0 left out (golden, no new version)"
    assert Dataset.objects.get().versions.count() == 1


def test_a_corrected_answer_takes_the_place_of_the_item(tmp_path, faq):
    run(write(tmp_path, "question,document,answer,tags\nWho pays?,a,The office.,x\nWho asks?,b,,\n"), collection="faq")

    summary, _, _ = run(write(tmp_path, "question,document,answer\nWho pays?,a,You.\nWho asks?,b,\n"), collection="faq")

    assert summary == "0 added, 1 changed, 1 already there, 0 left out (golden, version 2)"
    old, new = DatasetItem.objects.filter(question="Who pays?").order_by("pk")
    assert (old.expected_answer, old.removed_in) == ("The office.", 2)
    assert (new.expected_answer, new.added_in, new.tags, new.split) == ("You.", 2, ["x"], old.split)


def test_json_lines_and_arrays_hold_lists_grades_spans_and_history(tmp_path, faq):
    row = {
        "question": "And who pays then?",
        "document": ["a", "b"],
        "relevance": [2, 1],
        "span": ["0-10", ""],
        "history": [{"question": "Who asks?", "answer": "You."}],
        "tags": ["a, b"],
    }
    for dataset, name, text in (("lines", "q.jsonl", json.dumps(row)), ("array", "q.json", json.dumps([row]))):
        _, problems, error = run(write(tmp_path, text, name), name=dataset, collection="faq")

        assert (problems, error) == ([], "")
        item = DatasetItem.objects.get(dataset__name=dataset)
        assert (item.history, item.tags) == (row["history"], ["a, b"])
        assert list(item.relevant.values_list("source_id", "relevance", "start", "end")) == [
            ("a", 2, 0, 10),
            ("b", 1, None, None),
        ]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"relevance": "0"}, "the relevance '0' is not a whole number from 1 to 1000"),
        ({"relevance": "1;2"}, "there are 2 relevances for 1 documents"),
        ({"span": "9-3"}, "the span '9-3' is not start-end"),
        ({"history": "yesterday"}, "the history is not a list like"),
        ({"unanswerable": "maybe"}, "'maybe' in column 'unanswerable' is neither yes nor no"),
        ({"unanswerable": "yes"}, "is marked as unanswerable and names a document"),
        ({"split": "train"}, "the split 'train' is not one of dev, test, calibration"),
        ({"tags": "x" * 61}, "the tag"),
    ],
)
def test_a_bad_cell_is_named(tmp_path, faq, cells, reason):
    row = {"question": "Who pays?", "document": "a", **cells}

    _, problems, _ = run(write(tmp_path, json.dumps(row), "q.jsonl"), collection="faq")

    assert problems[0].startswith(f"line 1: {reason}")


def test_a_question_without_a_document_is_unknown_unless_it_is_unanswerable(tmp_path, faq):
    path = write(tmp_path, "question,document,unanswerable\nWho pays?,,\nWho is on Mars?,,yes\n")

    summary, _, _ = run(path, collection="faq")

    assert summary == "2 added, 0 changed, 0 already there, 0 left out, 1 without a document (golden, version 1)"
    assert list(DatasetItem.objects.values_list("is_answerable", flat=True)) == [True, False]
    assert not RelevantDocument.objects.exists()


def test_without_a_collection_a_document_is_looked_for_in_all(tmp_path, faq):
    make_document(collection=make_collection(name="other"), source_id="a")

    _, problems, _ = run(write(tmp_path, "question,document\nWho pays?,a\nWho asks?,b\n"))

    assert problems == ["line 2: the document 'a' is in 'faq' and 'other'; say which collection is meant"]
    item = DatasetItem.objects.get()
    assert (item.question, item.collection, item.cluster) == ("Who asks?", None, "faq/b")


def test_the_same_question_about_another_document_is_another_item(tmp_path, faq):
    summary, problems, _ = run(write(tmp_path, "question,document\nWho pays?,a\nWho pays?,b\n"), collection="faq")

    assert summary.startswith("2 added")
    assert problems == []


def test_placeholders_can_be_kept(tmp_path, faq):
    path = write(tmp_path, "question,document\nquestion1,a\n1,b\n,c\n")

    summary, problems, _ = run(path, collection="faq", keep_placeholders=True)

    assert summary.startswith("2 added")
    assert problems == ["line 4: the question is empty"]


def test_a_split_column_is_read_and_an_option_overrides_it(tmp_path, faq):
    path = write(tmp_path, "question,document,split\nWho pays?,a,dev\nWho asks?,b,calibration\n")

    run(path, collection="faq")
    run(path, name="overridden", collection="faq", split="test")

    splits = DatasetItem.objects.order_by("pk").values_list("dataset__name", "split")
    assert list(splits) == [
        ("golden", "DEV"), ("golden", "CALIBRATION"), ("overridden", "TEST"), ("overridden", "TEST"),
    ]  # fmt: skip


def test_a_document_on_both_sides_is_refused_and_the_rows_are_named(tmp_path, faq):
    path = write(tmp_path, "question,document,part\nWho pays?,a,dev\nWho asks?,a,test\nWho sells?,b,test\n")

    _, _, error = run(path, collection="faq", split_column="part")

    assert error.endswith("Nothing was imported. line 3: its document is in dev by line 2, and this says test.")
    assert not Dataset.objects.exists()


def test_a_split_against_the_dataset_is_refused(tmp_path, faq):
    run(write(tmp_path, "question,document\nWho pays?,a\n"), collection="faq", split="dev")

    _, _, again = run(write(tmp_path, "question,document\nWho pays?,a\n"), collection="faq", split="test")
    _, _, more = run(write(tmp_path, "question,document\nWho asks?,a\n"), collection="faq", split="test")

    assert again.endswith("line 2: it is in dev already, and this says test.")
    assert more.endswith("line 2: its document is in dev by the dataset, and this says test.")


def test_ratios_are_decided_once(tmp_path, faq):
    path = write(tmp_path, "question,document\nWho pays?,a\nWho asks?,b\n")

    run(path, "--ratios", "0,0,1", collection="faq")
    _, _, error = run(path, "--ratios", "0,1,0", collection="faq")

    assert set(DatasetItem.objects.values_list("split", flat=True)) == {"CALIBRATION"}
    assert error.startswith("golden splits its documents 0 to dev and 0 to test; that was decided when it was made")


def test_a_document_that_came_back_is_found_again(tmp_path, faq):
    path = write(tmp_path, "question,document\nWho pays?,a\n")
    run(path, collection="faq")
    Document.objects.get(source_id="a").delete()
    document = make_document(collection=faq, source_id="a")

    summary, _, _ = run(path, collection="faq")

    assert summary == "0 added, 0 changed, 1 already there, 0 left out (golden, no new version)"
    assert RelevantDocument.objects.get().document == document


def test_ten_thousand_rows_take_few_queries(tmp_path, django_assert_max_num_queries):
    collection = Collection.objects.create(name="large")
    Document.objects.bulk_create(
        Document(collection=collection, source_id=f"d{number}", title="d", status="READY") for number in range(2000)
    )
    rows = "".join(f"How does part {number} work?,d{number % 2000}\n" for number in range(10_000))

    with django_assert_max_num_queries(60):
        summary, _, _ = run(write(tmp_path, "question,document\n" + rows), collection="large")

    assert summary.startswith("10000 added")


def test_the_real_file_is_taken_whole_and_its_junk_is_named(tmp_path, real_data):
    entries = json.loads((real_data / "faq_documents.json").read_text())
    courses = {name: make_collection(name=name) for name in {entry["course"] for entry in entries}}
    for course, source_id in {(entry["course"], entry["id"]) for entry in entries}:
        make_document(texts=(), collection=courses[course], source_id=source_id)
    columns = {"collection_column": "course", "question_column": "question", "document_column": "document"}

    clean, clean_problems, _ = run(real_data / "faq_questions_dev.csv", name="clean", **columns)
    raw, problems, _ = run(real_data / "faq_questions_dev_raw.csv", name="raw", verbosity=2, **columns)

    assert (clean, clean_problems) == ("1385 added, 0 changed, 0 already there, 0 left out (clean, version 1)", [])
    assert raw == "1385 added, 0 changed, 0 already there, 32 left out (raw, version 1)"
    assert len(problems) == 32
    assert all(problem.endswith("is a placeholder") for problem in problems)

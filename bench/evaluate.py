"""Evaluation runs: all questions of a FAQ in three search modes, by `manage.py evaluate`.

Run: python -m bench.evaluate. It uses a database of its own, made and dropped here. Filling it (documents with their
vectors, questions) is not measured; what is measured is the command from its start to the printed table: questions
embedded, searched in each mode, scored, written, and summed up with intervals.
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import csv
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"
TARGET_SECONDS = 60
COLLECTIONS = ("first", "second", "third")
MODES = ("text", "vector", "hybrid")

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from chat.ingest.source import ReadOptions
from chat.models import Document
from chat.services.ingestion import ingest_paths
from monitoring.models import Dataset, DatasetItem, DatasetVersion, RelevantDocument

Entry = tuple[str, str, str, str]  # collection, id, title, text
Question = tuple[str, str, str]  # question, collection, id of its document

QUESTION_WORDS = ["how", "what", "when", "where", "why", "which", "do", "is", "are", "can", "my", "the", "to", "in"]


def made_up(entries: int, questions: int) -> tuple[list[Entry], list[Question]]:
    """Return a FAQ whose entries have words of their own among common ones, and questions in some of these words; the
    same each time."""
    dice = random.Random(7)
    syllables = ["ka", "lo", "mi", "ter", "ban", "sol", "ver", "dun", "pri", "gat", "nel", "for", "wex", "hum", "jol"]
    vocabulary = ["".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(6_000)]
    weights = [1 / (rank + 5) for rank in range(len(vocabulary))]  # as words are spread in language

    def words(count: int) -> list[str]:
        return dice.choices(vocabulary, weights, k=count)

    faq: list[Entry] = []
    for number in range(entries):
        text = " ".join(words(round(min(dice.lognormvariate(4.4, 0.7), 900)))).capitalize() + "."
        faq.append((dice.choice(COLLECTIONS), f"entry-{number}", " ".join(words(7)).capitalize() + "?", text))
    asked: list[Question] = []
    for _ in range(questions):
        collection, source_id, title, text = dice.choice(faq)
        own = dice.sample(f"{title} {text}".split(), 5)
        asked.append((" ".join([*dice.sample(QUESTION_WORDS, 4), *own, *words(2)]) + "?", collection, source_id))
    return faq, asked


def real(folder: Path, questions: int) -> tuple[list[Entry], list[Question]]:
    """Return a real FAQ with its questions; where they are fewer than asked for, each again with words more in front,
    so that all differ and are embedded."""
    rows = json.loads((folder / "faq_documents.json").read_text())
    faq = [(row["course"], row["id"], row["question"], row["text"]) for row in rows]
    with (folder / "faq_questions_dev.csv").open() as file:
        known = [(row["question"], row["course"], row["document"]) for row in csv.DictReader(file)]
    fronts = ["", "Please tell me: ", "Quick one: ", "I wonder: ", "Hello! "]
    asked = [(front + question, course, source_id) for front in fronts for question, course, source_id in known]
    return faq, asked[:questions]


def fill(faq: list[Entry], asked: list[Question]) -> None:
    """Take in the FAQ, and make the dataset "bench"."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faq.jsonl"
        fields = ("collection", "id", "title", "text")
        path.write_text("".join(json.dumps(dict(zip(fields, row, strict=True))) + "\n" for row in faq))
        options = ReadOptions(id_field="id", collection_field="collection")
        report = ingest_paths(paths=[path], collection_name="default", options=options)
    assert report.failed == 0
    documents = {(row.collection.name, row.source_id): row for row in Document.objects.select_related("collection")}
    dataset = Dataset.objects.create(name="bench")
    DatasetVersion.objects.create(dataset=dataset, number=1)
    items = DatasetItem.objects.bulk_create(
        DatasetItem(
            dataset=dataset,
            added_in=1,
            split=DatasetItem.Split.TEST,
            question=question,
            cluster=source_id,
            collection=documents[collection, source_id].collection,
            source=DatasetItem.Source.IMPORTED,
            content_hash=hashlib.sha256(f"{number}".encode()).hexdigest(),
        )
        for number, (question, collection, source_id) in enumerate(asked)
    )
    RelevantDocument.objects.bulk_create(
        RelevantDocument(item=item, document=documents[collection, source_id], source_id=source_id)
        for item, (_, collection, source_id) in zip(items, asked, strict=True)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def measure(questions: int) -> None:
    """Print the figures, one JSON object a line."""
    configs = [part for mode in MODES for part in ("--config", mode)]
    table = StringIO()
    begin = time.perf_counter()
    call_command("evaluate", "--dataset", "bench", *configs, "--json", "-", stdout=table)
    seconds = time.perf_counter() - begin
    runs = json.loads(table.getvalue())
    assert [run["items"] for run in runs] == [questions] * len(MODES)
    common = {"questions": questions, "runs": {run["name"]: round(run["seconds"], 1) for run in runs}}
    rate = len(MODES) * questions / seconds
    for figure, value, unit, against in [
        ("evaluate_three_modes_seconds", seconds, "s", TARGET_SECONDS),
        ("evaluate_questions_per_second", rate, "1/s", len(MODES) * 4_545 / TARGET_SECONDS),
    ]:
        print(json.dumps({"figure": figure, "value": round(value, 2), "unit": unit, "against": against, **common}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--entries", type=int, default=948, help="of the made-up FAQ")
    parser.add_argument("--questions", type=int, default=4_545)
    options = parser.parse_args()
    folder = os.environ.get("RAGSITE_TEST_DATA", "")
    faq, asked = real(Path(folder), options.questions) if folder else made_up(options.entries, options.questions)
    connection.settings_dict["TEST"]["NAME"] = f"bench_evaluate_{os.getpid()}"
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        fill(faq, asked)
        measure(len(asked))
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()

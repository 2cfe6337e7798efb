"""Ingest: chunks a second from files on disk to rows that search finds, against the bare embedder on the same texts.

Run: python bench/ingest.py. It uses a database of its own, made and dropped here. Each round takes documents not seen
before and measures the bare embedder and the whole way on them, one after the other and in turns first, so that other
work on the machine slows both alike; the figures are medians over the rounds.
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"
TARGET_RATIO = 0.85

from ragsite import embedded

embedded.provide()

import django

django.setup()

from django.db import connection
from django.test.utils import setup_databases, teardown_databases

from chat.ingest.readers import FoundFile, read
from chat.ingest.source import ReadOptions, SourceDocument
from chat.models import Embedding
from chat.services.documents import make_ready
from chat.services.ingestion import ingest_paths
from chat.services.knowledge import EMBED_BATCH_CHUNKS, active_embedders, ensure_collection

SUBJECTS = ["The server", "A worker", "The operator", "Each request", "The archive", "A reader", "The schedule"]
VERBS = ["keeps", "replaces", "checks", "reports", "forwards", "measures", "stores", "rejects"]
OBJECTS = ["the list of stations", "an old ticket", "every message", "its own copy", "the timetable", "a signed form"]
ENDINGS = ["before noon", "once a day", "without asking", "after the restart", "when the line is busy", "in a file"]


def make_files(folder: Path, *, count: int, seed: int) -> None:
    """Write Markdown documents of two to ten sections, always the same for a seed."""
    dice = random.Random(seed)

    def sentence() -> str:
        parts = [dice.choice(words) for words in (SUBJECTS, VERBS, OBJECTS, ENDINGS)]
        return f"{' '.join(parts)}, case {dice.randrange(10_000)}."

    def paragraph() -> str:
        return " ".join(sentence() for _ in range(dice.randint(2, 14)))

    for number in range(count):
        sections = [f"# Manual {seed}-{number}\n\n{paragraph()}"]
        for section in range(dice.randint(1, 9)):
            body = "\n\n".join(paragraph() for _ in range(dice.randint(1, 2)))
            sections.append(f"## Chapter {section}: {sentence()}\n\n{body}")
        (folder / f"{seed}-{number:05d}.md").write_text("\n\n".join(sections))


def embedding_texts(folder: Path) -> list[str]:
    """What the files in this folder come to as texts for the embedder, in the order of ingest."""
    collection = ensure_collection(name="bench")
    texts = []
    for path in sorted(folder.iterdir()):
        for item in read(FoundFile(path, path.name), ReadOptions()):
            assert isinstance(item, SourceDocument)
            texts += make_ready(collection=collection, source=item).embedding_texts()
    return texts


def seconds_bare(texts: list[str]) -> float:
    """The embedder alone, on batches of the size that ingest uses."""
    ((_, embedder),), _ = active_embedders()
    begin = time.perf_counter()
    for at in range(0, len(texts), EMBED_BATCH_CHUNKS):
        embedder.embed_documents(texts[at : at + EMBED_BATCH_CHUNKS])
    return time.perf_counter() - begin


def seconds_ingest(folder: Path, expected_chunks: int) -> float:
    """From the files to committed rows with vectors and search index."""
    before = Embedding.objects.count()
    begin = time.perf_counter()
    report = ingest_paths(paths=[folder], collection_name="bench", options=ReadOptions())
    seconds = time.perf_counter() - begin
    assert report.failed == 0
    assert report.chunks == Embedding.objects.count() - before == expected_chunks
    return seconds


def measure_round(seed: int, documents: int) -> tuple[int, float, float]:
    """Return the number of chunks, and the seconds of the bare embedder and of the whole way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_files(folder, count=documents, seed=seed)
        texts = embedding_texts(folder)
        if seed % 2:
            bare = seconds_bare(texts)
            return len(texts), bare, seconds_ingest(folder, len(texts))
        whole = seconds_ingest(folder, len(texts))
        return len(texts), seconds_bare(texts), whole


def measure(documents: int, seconds: float) -> None:
    """Print the figures, one JSON object a line."""
    measure_round(0, 1)  # loads the model, makes embedder and index
    rounds = []
    deadline = time.monotonic() + seconds
    while not rounds or time.monotonic() < deadline:
        rounds.append(measure_round(len(rounds) + 1, documents))
    for figure, values, unit, against in [
        ("embedder_chunks_per_second", [chunks / bare for chunks, bare, _ in rounds], "1/s", None),
        ("ingest_chunks_per_second", [chunks / whole for chunks, _, whole in rounds], "1/s", None),
        ("ingest_ratio", [bare / whole for _, bare, whole in rounds], "ratio", TARGET_RATIO),
    ]:
        line = {"figure": figure, "value": round(statistics.median(values), 3), "unit": unit, "against": against}
        print(json.dumps({**line, "chunks": sum(chunks for chunks, _, _ in rounds), "rounds": len(rounds)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--documents", type=int, default=10, help="of each round")
    parser.add_argument("--seconds", type=float, default=45, help="no further round begins after so long")
    options = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_ingest_{os.getpid()}"
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        measure(options.documents, options.seconds)
    finally:
        teardown_databases(databases, verbosity=0)


if __name__ == "__main__":
    main()

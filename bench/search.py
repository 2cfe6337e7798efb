"""Search in a large knowledge base: how many true neighbours the vector index finds, and how long each mode takes.

Run: python -m bench.search, with --chunks 1000000 for a million. It uses a database of its own, made and dropped here.
bench/README.md says how each figure is measured.
"""

# ruff: noqa: E402  the database must run and Django be set up before its models can be imported
import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ["DJANGO_SETTINGS_MODULE"] = "ragsite.settings"

from ragsite import embedded

embedded.provide()

import django

django.setup()

import bm25s
import faiss
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases

from bench.search_data import Made, make
from chat.rag.config import DEFAULT_FUSION, Fusion, SearchMode
from chat.rag.search import search
from chat.services.knowledge import rebuild_postings, register_embedder

K = 10
CONNECTIONS = 4
FILTERED = "one of ten"  # collection
# As the product's index is made (chat/services/knowledge.py).
M, EF_CONSTRUCTION = 24, 128


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--without-peers", action="store_true", help="leave out the libraries that search in process")
    options = parser.parse_args()
    connection.settings_dict["TEST"]["NAME"] = f"bench_search_{os.getpid()}"
    databases = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    try:
        made = make(options.chunks, options.questions)
        measure_build(made)
        measure_search(made)
        if not options.without_peers:
            measure_faiss(made)
            measure_bm25s(made)
    finally:
        teardown_databases(databases, verbosity=0)


def report(figure: str, value: float, unit: str, against: object = None, **more: object) -> None:
    print(
        json.dumps({"figure": figure, "value": round(value, 5), "unit": unit, "against": against, **more}), flush=True
    )


def measure_build(made: Made) -> None:
    """Count the words and build the vector index over all rows, as after a restore."""
    chunks = len(made.texts)
    report("postings_build_seconds", timed(rebuild_postings), "s", chunks=chunks)
    with connection.cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '3GB'; SET max_parallel_maintenance_workers = 2")
        report("build_seconds", timed(lambda: register_embedder(name=made.embedder.name)), "s", chunks=chunks)
        cursor.execute("VACUUM ANALYZE")
        for figure, relation in [
            ("index_mb", made.embedder.index_name),
            ("vectors_mb", "chat_embedding"),
            ("postings_mb", "chat_posting"),
        ]:
            size = "pg_relation_size" if figure == "index_mb" else "pg_total_relation_size"
            cursor.execute(f"SELECT {size}(%s)", [relation])
            report(figure, cursor.fetchone()[0] / 2**20, "MB", chunks=chunks)


def timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure_search(made: Made) -> None:
    """Time each mode, and compare what the index and the rarest words find with what a look at everything finds."""
    chunks = len(made.texts)
    found = [ask(made, at, SearchMode.VECTOR, None) for at in range(len(made.questions))]
    report("recall_at_10", recall(found, exact_neighbours(made)), "ratio", 0.98, chunks=chunks, n=len(found))
    text_found = [ask(made, at, SearchMode.TEXT, None) for at in range(len(made.questions))]
    report("text_recall_at_10", recall(text_found, exact_text(made)), "ratio", chunks=chunks, n=len(text_found))
    for connections_count in (1, CONNECTIONS):
        for filtered in (False, True):
            for mode in SearchMode:
                seconds = times(made, mode, FILTERED if filtered else None, connections_count)
                where = {"filtered": filtered, "connections": connections_count, "chunks": chunks, "n": len(seconds)}
                name = f"{mode}{'_filtered' if filtered else ''}{'_crowd' if connections_count > 1 else ''}"
                report(f"{name}_p50_seconds", float(np.quantile(seconds, 0.5)), "s", **where)
                report(f"{name}_p95_seconds", float(np.quantile(seconds, 0.95)), "s", **where)


def ask(made: Made, at: int, mode: SearchMode, collection: str | None, fusion: Fusion = DEFAULT_FUSION) -> list[int]:
    """Search for one question as the chat does; return the places of the chunks found."""
    hits = search(
        question=made.questions[at],
        query_vector=made.question_vectors[at].tolist(),
        mode=mode,
        collection_id=made.collections[collection] if collection else None,
        embedder_id=made.embedder.pk,
        dimensions=made.embedder.dimensions,
        top_k=K,
        fusion=fusion,
    )
    return [hit.chunk_id - made.first_chunk_id for hit in hits]


def times(made: Made, mode: SearchMode, collection: str | None, connections_count: int) -> list[float]:
    """Seconds of each question, asked over so many connections at once."""

    def work(number: int) -> list[float]:
        try:
            for at in range(3):  # warm the connection
                ask(made, at, mode, collection)
            span = range(number, len(made.questions), connections_count)
            return [timed(lambda at=at: ask(made, at, mode, collection)) for at in span]  # type: ignore[misc] # mypy cannot infer a lambda with a default
        finally:
            if connections_count > 1:
                connections.close_all()

    if connections_count == 1:
        return work(0)
    with ThreadPoolExecutor(connections_count) as threads:
        return [seconds for part in threads.map(work, range(connections_count)) for seconds in part]


def exact_neighbours(made: Made) -> list[list[int]]:
    """The places of the true nearest vectors of each question."""
    index = faiss.IndexFlatIP(made.vectors.shape[1])
    index.add(made.vectors)
    return index.search(made.question_vectors, K)[1].tolist()


def exact_text(made: Made) -> list[list[int]]:
    """What text search finds when all postings of all words are read."""
    everything = replace(DEFAULT_FUSION.bm25, max_postings=10**9, scored_chunks=10**9)
    return [
        ask(made, at, SearchMode.TEXT, None, fusion=replace(DEFAULT_FUSION, bm25=everything))
        for at in range(len(made.questions))
    ]


def recall(found: Sequence[Sequence[int]], true: Sequence[Sequence[int]]) -> float:
    """How much of what should be found is; the mean over the questions that have something to find."""
    return float(np.mean([len(set(f) & set(t)) / len(t) for f, t in zip(found, true, strict=True) if t]))


def measure_faiss(made: Made) -> None:
    """faiss-cpu, HNSW of the same shape, in this process and by one thread."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index = faiss.IndexHNSWFlat(made.vectors.shape[1], M, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    build_seconds = timed(lambda: index.add(made.vectors))
    index.hnsw.efSearch = 200
    faiss.omp_set_num_threads(1)
    found, seconds = [], []
    for vector in made.question_vectors:
        begin = time.perf_counter()
        found.append(index.search(vector[None], K)[1][0].tolist())
        seconds.append(time.perf_counter() - begin)
    where = {"chunks": len(made.texts), "n": len(found)}
    report("faiss_build_seconds", build_seconds, "s", **where)
    report("faiss_recall_at_10", recall(found, exact_neighbours(made)), "ratio", **where)
    report("faiss_p95_seconds", float(np.quantile(seconds, 0.95)), "s", **where)


def measure_bm25s(made: Made) -> None:
    """bm25s in this process, tokens and all; it stems nothing."""
    retriever = bm25s.BM25()

    def build() -> None:
        retriever.index(bm25s.tokenize(made.texts, stopwords="en", show_progress=False), show_progress=False)

    def find(question: str) -> None:
        tokens = bm25s.tokenize([question], stopwords="en", show_progress=False)
        retriever.retrieve(tokens, k=K, show_progress=False, n_threads=1)

    where = {"chunks": len(made.texts), "n": len(made.questions)}
    report("bm25s_build_seconds", timed(build), "s", **where)
    seconds = [timed(lambda question=question: find(question)) for question in made.questions]  # type: ignore[misc] # mypy cannot infer a lambda with a default
    report("bm25s_p50_seconds", float(np.quantile(seconds, 0.5)), "s", **where)
    report("bm25s_p95_seconds", float(np.quantile(seconds, 0.95)), "s", **where)


if __name__ == "__main__":
    main()

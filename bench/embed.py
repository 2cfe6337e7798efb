"""The local embedder: speed, memory, and whether it still is the model that it claims to be.

Texts are those of a real FAQ when RAGSITE_TEST_DATA names a folder with faq_documents.json, made-up ones of the same
lengths otherwise. Prints one JSON object a line; bench/README.md says how each figure is measured.

    python -m bench.embed
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from tokenizers import Tokenizer

from chat.rag.minilm import DIMENSIONS, LAYERS, MAX_TOKENS, MiniLM, find_model_dir
from tests import reference_vectors as reference

ROOT = Path(__file__).resolve().parent.parent
PORTIONS = 6  # of the texts; after each numpy does a part of its arithmetic, so that both meet the same load
NUMPY_PART = 1 / 4
TEXTS_OF_MEMORY_RUN = 120
QUERIES = 200
QUERY = "How do I join the course after it has started?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)  # the child: embed with this cache, say memory
    options = parser.parse_args()
    texts = real_texts() or made_up_texts()
    if options.memory:
        print(json.dumps(measure_memory(options.memory, texts[:: math.ceil(len(texts) / TEXTS_OF_MEMORY_RUN)])))
        return
    with tempfile.TemporaryDirectory(prefix="ragsite-bench-") as folder:
        measure(Path(folder), texts)


def measure(cache_dir: Path, texts: Sequence[str]) -> None:
    start = time.perf_counter()
    MiniLM(cache_dir)
    report("embed_first_load_seconds", time.perf_counter() - start, "s", "copies the weights, builds the graph")
    start = time.perf_counter()
    minilm = MiniLM(cache_dir)
    report("embed_load_seconds", time.perf_counter() - start, "s", "every later start")

    vectors = minilm.embed(reference.TEXTS)
    found = np.hstack([vectors[:, :12], reference.project(vectors)])
    expected = np.hstack([reference.FIRST_NUMBERS, reference.PROJECTIONS])
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    report("embed_reference_cosine_min", float(cosines.min()), "cosine of the stored numbers", "torch: 1")
    report("embed_reference_difference_max", float(np.abs(found - expected).max()), "", "limit: 0.0001")

    minilm.embed([QUERY])
    seconds = [timed(lambda: minilm.embed([QUERY])) for _ in range(QUERIES)]
    report("embed_query_p50_seconds", median(seconds), "s", "graph: 0.0024, torch: 0.0083")

    embed_seconds, ratios = 0.0, []
    for portion in range(PORTIONS):
        part = texts[portion::PORTIONS]
        elapsed = timed(lambda part=part: minilm.embed(part))
        embed_seconds += elapsed
        ratios.append(seconds_of_numpy(operations(part) * NUMPY_PART) / NUMPY_PART / elapsed)
    report("embed_texts_per_second", len(texts) / embed_seconds, "texts/s", "graph: 95, torch: 37")
    report("embed_of_numpy_ratio", median(ratios), "share of the speed of numpy's matmul", "higher is better")

    command = [sys.executable, "-m", "bench.embed", "--memory", str(cache_dir)]
    child = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    memory = json.loads(child.stdout)
    report("embed_rss_before_mb", memory["before"], "MB", "Python with numpy and ONNX Runtime")
    report("embed_rss_loaded_mb", memory["loaded"], "MB", "graph: 150, torch: 462")
    report("embed_rss_queries_mb", memory["queries"], "MB", f"after {QUERIES} short queries")
    report("embed_rss_peak_mb", memory["peak"], "MB", "graph: 368, torch: 973")


def report(figure: str, value: float, unit: str, against: str) -> None:
    print(json.dumps({"figure": figure, "value": float(f"{value:.4g}"), "unit": unit, "against": against}), flush=True)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def operations(texts: Sequence[str]) -> float:
    """Return the floating point operations of all matrix products of these texts, padding not counted."""
    tokenizer = Tokenizer.from_file(str(find_model_dir() / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    lengths = np.array([len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts))], float)
    linear = 2 * (4 * DIMENSIONS**2 + 2 * DIMENSIONS * 4 * DIMENSIONS)
    attention = 2 * 2 * lengths * DIMENSIONS
    return float((LAYERS * lengths * (linear + attention)).sum())


def seconds_of_numpy(operations_wanted: float) -> float:
    """Return how long numpy multiplies matrices of the model's widest layer for as many operations."""
    generator = np.random.default_rng(1)
    left = generator.standard_normal((2048, 384), np.float32)
    right = generator.standard_normal((384, 1536), np.float32)
    product = np.empty((2048, 1536), np.float32)
    times = math.ceil(operations_wanted / (2 * 2048 * 384 * 1536))
    start = time.perf_counter()
    for _ in range(times):
        np.matmul(left, right, out=product)
    return time.perf_counter() - start


def measure_memory(cache_dir: Path, texts: Sequence[str]) -> dict[str, float]:
    """Return resident megabytes of this process before and after loading, after queries, and at the peak."""
    process = psutil.Process()

    def resident() -> float:
        return process.memory_info().rss / 2**20

    figures = {"before": resident()}
    minilm = MiniLM(cache_dir)
    figures["loaded"] = resident()
    for _ in range(QUERIES):
        minilm.embed([QUERY])
    figures["queries"] = resident()
    minilm.embed(texts)
    # Linux: the most that this program ever had; getrusage would tell what the parent had when it forked.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    figures["peak"] = int(status["VmHWM"].split()[0]) / 2**10
    return figures


def real_texts() -> list[str]:
    folder = os.environ.get("RAGSITE_TEST_DATA", "")
    path = Path(folder) / "faq_documents.json"
    if not folder or not path.is_file():
        return []
    return [f"{entry['question']} {entry['text']}" for entry in json.loads(path.read_text())]


def made_up_texts() -> list[str]:
    """Return 948 texts whose tokens are spread like those of a real FAQ: log-normal, median 121, 14 % over 256."""
    sentence = (
        "the course starts when a server answers your question about an error that docker shows after you install "
        "python and run the command in terminal to check version of data in table because model is not found"
    )
    words = sentence.split()
    generator = random.Random(7)
    texts = []
    for _ in range(948):
        length = round(min(generator.lognormvariate(4.80, 0.72), 1400))
        texts.append(" ".join(generator.choice(words) for _ in range(length)).capitalize() + ".")
    return texts


if __name__ == "__main__":
    main()

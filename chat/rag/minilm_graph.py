"""The ONNX graph of all-MiniLM-L6-v2, made from the weights as they were published: BERT with 6 layers of 12 heads.

`onnx` is needed to build it, once on each machine, and not to run it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

DIMENSIONS = 384
LAYERS = 6
HEADS = 12
LAYER_NORM_EPSILON = 1e-12
GRAPH_VERSION = 2  # to be raised when build_graph changes what it builds
GRAPH_OPSET = 20  # the first with Gelu
GRAPH_IR_VERSION = 10
SENTENCE_OUTPUT, TOKENS_OUTPUT = "sentence_embedding", "token_states"


def build_graph(weights: Path) -> bytes:
    """Return the model as serialised ONNX whose weights stay in the file `weights`, to be kept beside it.

    Inputs input_ids and attention_mask (int64, [texts, tokens]); outputs sentence_embedding (float32, [texts, 384]) and
    token_states ([texts, tokens, 384], padding too), of which only what is asked for is computed.
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
    states = op("Reshape", x, shape_of_states, output=TOKENS_OUTPUT)
    total = op("ReduceSum", op("Mul", states, op("Unsqueeze", mask, two)), one, keepdims=0)
    op("LpNormalization", total, output=SENTENCE_OUTPUT, axis=-1, p=2)
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
        outputs = [
            helper.make_tensor_value_info(SENTENCE_OUTPUT, self.FLOAT, ["texts", DIMENSIONS]),
            helper.make_tensor_value_info(TOKENS_OUTPUT, self.FLOAT, ["texts", "tokens", DIMENSIONS]),
        ]
        graph = helper.make_graph(self._nodes, "all-MiniLM-L6-v2", inputs, outputs, list(self._initializers.values()))
        opset = helper.make_opsetid("", GRAPH_OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=GRAPH_IR_VERSION)
        return bytes(model.SerializeToString())

"""An ONNX model with a map folded in, and with its weights as bytes.

Weights are bytes, one scale for each output, and come back to float32 when the model is loaded: it
computes in float32, so a text has the same vector in every batch and on every machine, which a
model with quantised activations does not give.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.encoders.config import Pooling
from models.encoders.tuning.space import Space
from models.errors import ModelError
from models.vectors import Floats

OUTPUT: Final = "sentence_embedding"
DIRECTIONS: Final = "_directions"  # how the names of maps end
OLDEST_OPSET: Final = 11  # what is added here means the same from there on
AXES_ARE_INPUTS: Final = 18  # the opset since which a reduction gets its axes so
LEAST_WEIGHTS: Final = 1 << 16  # of a matrix that is worth packing


def fold(model: onnx.ModelProto, output: str, pooling: Pooling | None, space: Space) -> None:
    """Make the model's output final: pooled, of unit length, mapped, of unit length again.

    Args:
        model: Changed in place.
        output: Which of its outputs is folded; the only one that is left has the name OUTPUT.
        pooling: How its tokens become a sentence; None where the output is the sentence's vector.
        space: The map.

    Raises:
        ModelError: The model is of an opset that is too old.
    """
    graph, opset = model.graph, _opset(model)
    inputs, outputs = space.directions.shape
    bias = -(space.mean.astype(np.float64) @ space.directions).astype(np.float32)
    of = f"map{sum(each.name.endswith(DIRECTIONS) for each in graph.initializer)}"
    constants = {
        f"{of}{DIRECTIONS}": space.directions,
        f"{of}_bias": bias,
        f"{of}_first": np.array(0, np.int64),
        f"{of}_one": np.array([1], np.int64),
        f"{of}_rows": np.array([-1, 1, inputs], np.int64),
    }
    if output == OUTPUT:  # the name is wanted for what comes of it
        output = f"{of}_input"
        for each in graph.node:
            each.output[:] = [output if name == OUTPUT else name for name in each.output]
            each.input[:] = [output if name == OUTPUT else name for name in each.input]

    def node(kind: str, inputs: str, result: str, **options: Any) -> onnx.NodeProto:
        names = [f"{of}{name}" if name.startswith("_") else name for name in inputs.split()]
        result = f"{of}{result}" if result.startswith("_") else result
        return helper.make_node(kind, names, [result], **options)

    nodes = []
    if pooling == "cls":
        nodes += [node("Gather", f"{output} _first", "_pooled", axis=1)]
    elif pooling == "mean" and opset < AXES_ARE_INPUTS:
        nodes += [node("ReduceMean", output, "_pooled", axes=[1], keepdims=0)]
    elif pooling == "mean":
        nodes += [node("ReduceMean", f"{output} _one", "_pooled", keepdims=0)]
    nodes += [
        node("Reshape", f"{'_pooled' if pooling else output} _rows", "_row"),
        node("LpNormalization", "_row", "_unit", axis=-1, p=2),
        # Twice: a text alone would be one row, whose product is computed in another order.
        node("Concat", "_unit _unit", "_twice", axis=1),
        node("MatMul", f"_twice {DIRECTIONS}", "_products"),
        node("Gather", "_products _first", "_product", axis=1),
        node("Add", "_product _bias", "_moved"),
        node("LpNormalization", "_moved", OUTPUT, axis=-1, p=2),
    ]
    graph.node.extend(nodes)
    used = {name for each in nodes for name in each.input}
    _add_constants(graph, {name: value for name, value in constants.items() if name in used})
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", outputs])
    )


def pack(model: onnx.ModelProto) -> None:
    """Store the large matrices as bytes, except a map: it is small, and exact.

    Args:
        model: Changed in place. Matrices that are multiplied with are unpacked when it is loaded;
            tables stay packed, and of them the rows that are looked up are unpacked.
    """
    graph = model.graph
    weights = {
        each.name: each
        for each in graph.initializer
        if each.data_type == TensorProto.FLOAT
        and len(each.dims) == 2
        and each.dims[0] * each.dims[1] >= LEAST_WEIGHTS
        and not each.name.endswith(DIRECTIONS)
    }
    uses: dict[str, set[tuple[str, int]]] = {name: set() for name in weights}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name in uses:
                uses[name].add((node.op_type, place))
    unpacked, nodes = [], []
    tables = {name for name, kinds in uses.items() if kinds == {("Gather", 0)}}
    matrices = {name for name, kinds in uses.items() if kinds == {("MatMul", 1)}}
    for name in sorted(tables | matrices):
        codes, scale = quantised(numpy_helper.to_array(weights[name]), 1 if name in tables else 0)
        graph.initializer.remove(weights[name])
        _add_constants(graph, {f"{name}_codes": codes, f"{name}_scale": scale})
    for name in sorted(matrices):
        unpacked += _times(f"{name}_codes", f"{name}_scale", name)
    for node in graph.node:
        if node.op_type == "Gather" and node.input[0] in tables:
            (name, rows), found = node.input, node.output[0]
            for part in ("codes", "scale"):
                nodes.append(
                    helper.make_node("Gather", [f"{name}_{part}", rows], [f"{found}_{part}"])
                )
            nodes += _times(f"{found}_codes", f"{found}_scale", found)
        else:
            nodes.append(node)
    whole = [*unpacked, *nodes]
    del graph.node[:]
    graph.node.extend(whole)


def quantised(weights: Floats, axis: int) -> tuple[Any, Floats]:
    """Weights as int8 codes and float32 scales: weights ≈ codes · scales.

    Args:
        weights: Shape (rows, columns).
        axis: Along which one scale holds.
    """
    scale = np.maximum(np.abs(weights).max(axis, keepdims=True), 1e-12) / 127
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def _times(codes: str, scale: str, output: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", [codes], [f"{output}_cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{output}_cast", scale], [output]),
    ]


def _add_constants(graph: onnx.GraphProto, values: Mapping[str, Any]) -> None:
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())


def _opset(model: onnx.ModelProto) -> int:
    opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST_OPSET:
        raise ModelError(f"the model is of ONNX opset {opset}, wanted is {OLDEST_OPSET} or later")
    return int(opset)

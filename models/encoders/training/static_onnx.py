"""Write a table of piece vectors as an ONNX folder's model.onnx, pooled exactly."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.vectors import Floats


def write_onnx(table: Floats, path: Path) -> None:
    """Store rows as int8 with whole-number scales.

    Every pooled sum is then a whole number below 2**24, exact in float32 in any order: a title's
    vector is the same, bit for bit, in every batch. A title without pieces gets a fixed vector.
    """
    peak = np.abs(table).max(1)
    step = peak.max() / (127 * 255)
    scale = np.clip(np.ceil(peak / (127 * step)), 1, 255)
    rows = np.clip(np.rint(table / (scale[:, None] * step)), -127, 127)
    empty = np.eye(1, table.shape[1], dtype=np.float32)[0] * 1e-3
    data = {
        "table": rows.astype(np.int8),
        "scale": scale.astype(np.uint8),
        "empty": empty,
        "one": np.array([1], np.int64),
    }
    graph = [
        ("Gather", "table input_ids", "rows8"),
        ("Gather", "scale input_ids", "scale8"),
        ("Cast", "rows8", "rows"),
        ("Cast", "scale8", "scales"),
        ("Cast", "attention_mask", "mask"),
        ("Mul", "scales mask", "weights"),
        ("Unsqueeze", "weights one", "weights3"),
        ("MatMul", "weights3 rows", "sum3"),
        ("Squeeze", "sum3 one", "sum"),
        ("Add", "sum empty", "safe"),
        ("LpNormalization", "safe", "sentence_embedding"),
    ]
    options: dict[str, dict[str, Any]] = {
        "Cast": {"to": TensorProto.FLOAT},
        "LpNormalization": {"axis": -1, "p": 2},
    }
    nodes = [helper.make_node(op, i.split(), [o], **options.get(op, {})) for op, i, o in graph]
    value = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "static_encoder",
            [
                value(n, TensorProto.INT64, ["batch", "seq"])
                for n in ("input_ids", "attention_mask")
            ],
            [value("sentence_embedding", TensorProto.FLOAT, ["batch", table.shape[1]])],
            [numpy_helper.from_array(v, k) for k, v in data.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))

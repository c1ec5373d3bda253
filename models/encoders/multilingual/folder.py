"""The encoder's folder, made of the installed weights when it is first asked for.

It is made anew for another map or another `config.json`: whoever changes how it is made gives it
another version there.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.encoders.multilingual import source
from models.errors import ModelError
from models.vectors import Floats

SHIPPED: Final = Path(__file__).parent
CONFIG: Final = "config.json"
MAP: Final = "map.npz"


def folder() -> Path:
    """The folder, in the user's cache: made once, as large as 90 MB.

    Raises:
        ModelError: The extra `multilingual` is not installed, or the folder cannot be written.
    """
    source.resources()
    about = (SHIPPED / CONFIG).read_bytes()
    digest = hashlib.sha256(about + (SHIPPED / MAP).read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interest-journeys"
    made = cache / f"multilingual-{source.VERSION}-{digest}"
    if made.is_dir():
        return made
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            write(Path(temporary) / made.name, json.loads(about), _map())
            (Path(temporary) / made.name).rename(made)
    except OSError as error:
        if not made.is_dir():  # else another process was faster
            raise ModelError(f"encoder multilingual: its folder cannot be made: {error}") from None
    return made


def write(out: Path, about: Mapping[str, Any], mapped: tuple[Floats, Floats] | None) -> None:
    """Write the folder of an encoder.

    Args:
        out: Where to.
        about: What is said of it: its `config.json`.
        mapped: Matrix and offset of the map; None for the vectors as they are.

    Raises:
        ModelError: The extra `multilingual` is not installed.
    """
    from models.encoders.multilingual.graph import model  # the package onnx is the extra's
    from models.encoders.multilingual.tokenizer import tokenizer

    files = source.resources()
    out.mkdir(parents=True, exist_ok=True)
    made = model(*source.weights(files / "weights.npz"), mapped)
    (out / "model.onnx").write_bytes(made.SerializeToString(deterministic=True))
    tokenizer(source.pieces(files / "sp.model")).save(str(out / "tokenizer.json"))
    (out / CONFIG).write_text(json.dumps(about), "utf-8")


def _map() -> tuple[Floats, Floats]:
    with np.load(SHIPPED / MAP, allow_pickle=False) as file:
        return file["matrix"], file["offset"]

"""The files of an encoder: a sentence-transformers ONNX folder, opened or fetched from the hub.

Whatever is wrong with them is one ModelError of one line that names the file.
"""

import json
import os
import re
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer
from tokenizers.models import Unigram

from models.errors import ModelError

# By default it tells its maker about each process and model: it has no reason to here. It reads
# this once, while it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime

MODEL_FILES: Final = ("model.onnx", "onnx/model.onnx")
_HUB_ID: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_HUB_FILES: Final = [
    *MODEL_FILES,
    "onnx/model.onnx_data",
    "tokenizer.json",
    "config.json",
    "1_Pooling/config.json",
]


def find_model(folder: Path) -> Path:
    """The ONNX file of a folder.

    Raises:
        ModelError: There is none.
    """
    for name in MODEL_FILES:
        if (folder / name).is_file():
            return folder / name
    raise ModelError(f"encoder {folder}: no {' or '.join(MODEL_FILES)}")


def open_session(model: Path, threads: int) -> Any:
    """Open a model for the CPU with `threads` threads a run.

    Raises:
        ModelError: It is not an ONNX model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come back as exceptions: not twice
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = first_line(error)
        raise ModelError(f"encoder {model}: not a readable ONNX model: {reason}") from None


def open_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """Open a folder's tokenizer, cut at a number of tokens, without padding.

    Raises:
        ModelError: It is missing or broken.
    """
    if not path.is_file():
        raise ModelError(f"encoder {path.parent}: no tokenizer.json")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise ModelError(f"encoder {path}: not a readable tokenizer: {first_line(error)}") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return tokenizer


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """The id that stands for every word the model does not know, if it has one."""
    if isinstance(tokenizer.model, Unigram):  # it does not show its own
        unigram: int | None = json.loads(tokenizer.to_str())["model"]["unk_id"]
        return unigram
    token = getattr(tokenizer.model, "unk_token", None)
    return None if token is None else tokenizer.token_to_id(token)


def pools_first(path: Path) -> bool:
    """Whether the sentence is the first token's vector (CLS) and not the mean of all.

    Raises:
        ModelError: It is neither.
    """
    config = read_json(path)
    modes = {
        key.removeprefix("pooling_mode_")
        for key, on in config.items()
        if key.startswith("pooling_mode_") and on is True
    }
    modes = modes or {str(config.get("pooling_mode", "mean"))}  # as newer versions write it
    if modes <= {"mean", "mean_tokens"}:
        return False
    if modes <= {"cls", "cls_token"}:
        return True
    raise ModelError(f"encoder {path}: pooling by {', '.join(sorted(modes))} is not supported")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object, empty when there is no such file.

    Raises:
        ModelError: There is a file, but no JSON object in it.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise ModelError(f"encoder {path}: not JSON: {first_line(error)}") from None
    if not isinstance(value, dict):
        raise ModelError(f"encoder {path}: not a JSON object")
    return value


def is_hub_id(spec: str) -> bool:
    """Whether this could name a model on the hub."""
    return _HUB_ID.fullmatch(spec) is not None


def download(hub_id: str) -> Path:
    """Fetch a model from the hub, or find it in the hub's own cache; needs the extra `hub`.

    Raises:
        ModelError: The extra is not installed, or the hub does not give the model.
    """
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise ModelError(
            f"encoder {hub_id}: a hub id needs the extra `hub`: "
            "pip install 'interest-journeys[hub]'"
        ) from None
    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except Exception as error:
        raise ModelError(
            f"encoder {hub_id}: no such folder, and the hub says: {first_line(error)}"
        ) from None


def first_line(error: Exception) -> str:
    """An error's first line, short."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]

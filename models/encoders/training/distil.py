"""One encoder taught to tell classes apart as people do, and the rest as two encoders do.

One loss for both: of a batch, each text's likeness to the others is to be a given one, as a
distribution. It is half the teachers' own and half the text's class (supervised contrastive
learning, Khosla et al. 2020), and the teachers' alone for a text of no class. Classes of a batch
are drawn with their neighbours: those are what an encoder mixes up.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from models.encoders.training.bert import Bert
from models.encoders.tuning.space import Space
from models.vectors import Floats

SEEDS: Final = 12  # classes of a batch that are drawn; the others are their neighbours
NEIGHBOURS: Final = 3  # of each of them, among its NEAR nearest
NEAR: Final = 12
MEMBERS: Final = 4  # texts of a class in a batch
OTHERS: Final = 48  # texts of no class in a batch
TEMPERATURE: Final = 0.08
FROZEN: Final = 4  # layers that stay as they are, with the tables of words
RATE, HEAD_RATE = 6e-5, 3e-4
WARM: Final = 0.06  # share of the steps
CHUNK: Final = 40  # texts that are computed together, of like length


@dataclass(frozen=True, eq=False)
class Lesson:
    """Texts to learn from.

    Attributes:
        texts: Those of classes first.
        labels: The classes of those, by number, shape (texts with a class,).
        taught: What the teachers make of the texts: unit rows, shape (texts, any).
    """

    texts: Sequence[str]
    labels: np.ndarray
    taught: Floats


class Student(nn.Module):  # type: ignore[misc]
    """A BERT and the map behind it, which begins as it was fitted."""

    def __init__(self, bert: Bert, space: Space) -> None:
        super().__init__()
        self.bert = bert
        self.mean = nn.Parameter(torch.tensor(space.mean), requires_grad=False)
        self.directions = nn.Parameter(torch.tensor(space.directions))
        for part in (bert.words, bert.places, bert.types, bert.norm, *bert.layers[:FROZEN]):
            part.requires_grad_(False)

    def forward(self, ids: Tensor, known: Tensor) -> Tensor:
        """Unit rows of texts."""
        return F.normalize((self.bert(ids, known) - self.mean) @ self.directions, dim=-1)


def train(
    bert: Bert, tokenizer: Tokenizer, space: Space, lesson: Lesson, steps: int, seed: int = 0
) -> None:
    """Teach a BERT in place.

    Args:
        bert: As it came.
        tokenizer: Its own, which cuts at the wanted length and does not pad.
        space: The map that was fitted to its vectors.
        lesson: What is to be learned.
        steps: Batches.
        seed: Of the order.
    """
    student = Student(bert, space)
    layers = [p for p in bert.parameters() if p.requires_grad]
    groups = [{"params": layers, "lr": RATE}, {"params": [student.directions], "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / (WARM * steps), (steps - step) / steps)
    )
    tokens = [encoding.ids for encoding in tokenizer.encode_batch(list(lesson.texts))]
    losses, since = [], time.monotonic()
    for step, rows in enumerate(_batches(lesson, steps, Random(seed))):
        with torch.autocast("cpu", torch.bfloat16):
            vectors = _encoded(student, [tokens[row] for row in rows])
        loss = _loss(vectors, lesson, rows)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 20 == 19:
            took = time.monotonic() - since
            print(f"step {step + 1}: loss {np.mean(losses[-20:]):.4f}, {took:.0f} s", flush=True)


def _loss(vectors: Tensor, lesson: Lesson, rows: Sequence[int]) -> Tensor:
    taught = torch.tensor(lesson.taught[rows])
    labels = [int(lesson.labels[r]) if r < len(lesson.labels) else -1 - r for r in rows]
    of = torch.tensor(labels)
    itself = torch.eye(len(rows), dtype=torch.bool)
    wanted = (taught @ taught.T / TEMPERATURE).masked_fill(itself, -torch.inf).softmax(1)
    alike = ((of[:, None] == of) & ~itself).float()
    several = alike.sum(1, keepdim=True)
    wanted = torch.where(several > 0, (wanted + alike / several.clamp(min=1)) / 2, wanted)
    found = (vectors @ vectors.T / TEMPERATURE).masked_fill(itself, -1e4).log_softmax(1)
    return -(wanted * found).sum(1).mean()


def _batches(lesson: Lesson, steps: int, random: Random) -> Iterator[list[int]]:
    members = [np.flatnonzero(lesson.labels == n) for n in range(int(lesson.labels.max()) + 1)]
    centres = np.stack([lesson.taught[own].mean(0) for own in members])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    near = np.argsort(-centres @ centres.T, axis=1)[:, 1 : NEAR + 1]
    free = range(len(lesson.labels), len(lesson.texts))
    for _ in range(steps):
        drawn: dict[int, None] = {}
        for one in random.sample(range(len(members)), SEEDS):
            drawn |= dict.fromkeys([one, *random.sample(near[one].tolist(), NEIGHBOURS)])
        rows = [int(row) for one in drawn for row in random.sample(members[one].tolist(), MEMBERS)]
        yield rows + random.sample(free, min(OTHERS, len(free)))


def _encoded(student: Student, tokens: Sequence[Sequence[int]]) -> Tensor:
    """Vectors of token rows, computed by length."""
    order = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
    parts = []
    for start in range(0, len(order), CHUNK):
        own = [torch.tensor(tokens[place]) for place in order[start : start + CHUNK]]
        ids = nn.utils.rnn.pad_sequence(own, batch_first=True)
        longest = torch.arange(ids.shape[1])
        known = longest[None, :] < torch.tensor([[len(each)] for each in own])
        parts.append(student(ids, known))
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(parts)[back]

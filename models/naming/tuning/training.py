"""The steps of training; a run that was interrupted goes on from its last checkpoint."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch.nn import functional

from models.errors import SettingsError
from models.naming.tuning.base import Method, trained
from models.naming.tuning.batches import IGNORED, Tokens, batch

CHECKPOINT: Final = "checkpoint.pt"
WARM_UP: Final = 0.1  # of the steps, until the full rate is reached
CLIPPED: Final = 1.0  # largest norm of a gradient


@dataclass(frozen=True)
class Plan:
    """What a run does; a checkpoint is only good for the same one.

    Attributes:
        method: What is trained.
        model: Folder or hub id.
        steps: Of the optimiser.
        size: Pairs a step.
        rate: Of learning, at its highest.
        length: Tokens of a soft prompt.
        seed: Of the start values and the pairs.
    """

    method: Method
    model: str
    steps: int
    size: int
    rate: float
    length: int
    seed: int = 0


def train(
    model: Any,
    known: Sequence[Tokens],
    plan: Plan,
    folder: Path,
    device: str,
    every: int,
    tick: Callable[[int, float], None],
) -> None:
    """Train, or go on with it.

    Args:
        model: From `base.load`; changed in place.
        known: All pairs.
        plan: The run.
        folder: For the checkpoint; written every `every` steps and at the end.
        device: Where the model is.
        every: Steps between checkpoints.
        tick: Told of the steps done and the loss after each, and once before the first.

    Raises:
        SettingsError: The checkpoint there belongs to another run.
    """
    weights = trained(model)
    optimiser = torch.optim.AdamW(weights.values(), lr=plan.rate, weight_decay=0.0)
    done = _resume(folder / CHECKPOINT, plan, weights, optimiser)
    tick(done, math.nan)
    model.train()
    for step in range(done, plan.steps):
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * _share(step, plan.steps)
        torch.manual_seed(plan.seed + step)  # dropout is the same in a run that was resumed
        loss = _loss(model, batch(known, step, plan.size, device))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights.values(), CLIPPED)
        optimiser.step()
        optimiser.zero_grad()
        if (step + 1) % every == 0 or step + 1 == plan.steps:
            _save(folder / CHECKPOINT, plan, step + 1, weights, optimiser)
        tick(step + 1, loss.item())


def _loss(model: Any, given: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross entropy of the answers; nothing is predicted where no answer is."""
    labels = given.pop("labels")
    first = int((labels != IGNORED).any(0).nonzero()[0])
    kept = labels.shape[1] - first + 1  # a token is predicted from the one before it
    logits = model(**given, logits_to_keep=kept).logits[:, :-1].float()
    return functional.cross_entropy(
        logits.flatten(0, 1), labels[:, first:].flatten(), ignore_index=IGNORED
    )


def _share(step: int, steps: int) -> float:
    """Of the full rate: up in a line, then down along a cosine."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def _save(
    path: Path,
    plan: Plan,
    done: int,
    weights: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    new = path.with_suffix(".new")
    torch.save(
        {
            "plan": asdict(plan),
            "done": done,
            "weights": weights,
            "optimiser": optimiser.state_dict(),
        },
        new,
    )
    new.replace(path)  # whole or not at all


def _resume(
    path: Path, plan: Plan, weights: dict[str, torch.Tensor], optimiser: torch.optim.Optimizer
) -> int:
    if not path.exists():
        return 0
    saved = torch.load(path, weights_only=True, map_location="cpu")
    if saved["plan"] != asdict(plan):
        other = ", ".join(
            f"{name} was {value}"
            for name, value in saved["plan"].items()
            if value != getattr(plan, name)
        )
        raise SettingsError(f"{path} belongs to another run ({other}): take another folder")
    with torch.no_grad():
        for name, value in saved["weights"].items():
            weights[name].copy_(value)
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["done"])

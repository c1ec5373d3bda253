"""Pairs as tokens. Which pairs a step sees depends on its number alone, so a run can be resumed."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch

from models.naming.prompt import plain_chat
from models.naming.tuning.pairs import Pair

IGNORED: Final = -100  # as a label: not learned
_GAP: Final = "\0"  # stands for the question while the chat template is taken apart


class Frame(NamedTuple):
    """What a model's chat template puts before and after a question."""

    before: str
    after: str

    @classmethod
    def of(cls, tokenizer: Any) -> "Frame":
        """Take the frame from a tokenizer's chat template; a plain one if it has none."""
        if not tokenizer.chat_template:
            system, _ = plain_chat("")
            return cls(f"{system['content']}\n", "\n")
        text = tokenizer.apply_chat_template(
            plain_chat(_GAP), tokenize=False, add_generation_prompt=True
        )
        return cls(*text.split(_GAP))


class Tokens(NamedTuple):
    """One pair: the tokens, the first `asked` of which are the question."""

    ids: list[int]
    asked: int


def tokens(pairs: Sequence[Pair], frame: Frame, tokenizer: Any) -> list[Tokens]:
    """Pairs as a server would put them to the model; the end of the answer is learned, too."""
    end = tokenizer.eos_token_id
    tokenised = []
    for pair in pairs:
        asked = tokenizer.encode(
            frame.before + pair.question + frame.after, add_special_tokens=False
        )
        answer = tokenizer.encode(pair.answer, add_special_tokens=False)
        tokenised.append(Tokens([*asked, *answer, end], len(asked)))
    return tokenised


def batch(known: Sequence[Tokens], step: int, size: int, device: str) -> dict[str, torch.Tensor]:
    """The pairs of a step, counted from 0; padded behind, where a causal model does not look."""
    chosen = [known[(step * size + place) % len(known)] for place in range(size)]
    width = max(len(each.ids) for each in chosen)
    ids = torch.zeros(size, width, dtype=torch.long)
    mask = torch.zeros(size, width, dtype=torch.long)
    labels = torch.full((size, width), IGNORED, dtype=torch.long)
    for row, each in enumerate(chosen):
        length = len(each.ids)
        ids[row, :length] = torch.tensor(each.ids)
        mask[row, :length] = 1
        labels[row, each.asked : length] = ids[row, each.asked : length]
    return {
        name: value.to(device)
        for name, value in {"input_ids": ids, "attention_mask": mask, "labels": labels}.items()
    }

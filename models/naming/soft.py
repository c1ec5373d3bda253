"""A soft prompt: vectors that were learned (prompt-tuning), put before those of a question.

The server is given the vectors of the whole prompt (vLLM's prompt embeddings), so the namer needs
the tokenizer and the embedding table of the model that is served, but neither torch nor a GPU.
"""

import base64
import hashlib
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from tokenizers import Tokenizer

from models.errors import ModelError
from models.naming.prompt import Embedded, question
from models.naming.tensors import INDEX, WHOLE, Table, names_in, torch_bytes
from models.naming.titles import Evidence
from models.vectors import Floats

VECTORS: Final = "soft_prompt.safetensors"
CARD: Final = "soft_prompt.json"
_TABLES: Final = (
    "model.embed_tokens.weight",
    "embed_tokens.weight",
    "transformer.wte.weight",
    "language_model.model.embed_tokens.weight",
    "gpt_neox.embed_in.weight",
)


class Card(msgspec.Struct, frozen=True):
    """What belongs to a soft prompt.

    Attributes:
        model: Folder of the model it was learned with.
        before: What stands between the soft prompt and a question.
        after: What stands behind it.
        fingerprint: Of the vectors of `before`: another model has others.
    """

    model: str
    before: str
    after: str
    fingerprint: str


class SoftPrompt:
    """Puts questions behind a soft prompt.

    Args:
        folder: What `journeys tune prompt` wrote.
        weights: Folder of the model that is served; None: where it was when it was tuned.

    Raises:
        ModelError: A file is missing or broken, or belongs to another model.
    """

    def __init__(self, folder: Path, weights: Path | None = None) -> None:
        try:
            self._card = msgspec.json.decode((folder / CARD).read_bytes(), type=Card)
        except (OSError, msgspec.MsgspecError) as error:
            raise ModelError(
                f"{folder}: no soft prompt of `journeys tune prompt`: {error}"
            ) from None
        weights = weights or Path(self._card.model)
        self._vectors = Table(folder / VECTORS, "soft_prompt")[:]
        self._table = _embeddings(weights)
        try:
            self._tokenizer = Tokenizer.from_file(str(weights / "tokenizer.json"))
        except Exception as error:  # the library raises no narrower one
            raise ModelError(f"{weights / 'tokenizer.json'}: {error}") from None
        if fingerprint(self._embed(self._card.before)) != self._card.fingerprint:
            raise ModelError(
                f"{folder}: this soft prompt belongs to {self._card.model}, not to {weights}"
            )

    def __call__(self, evidence: Evidence) -> Embedded:
        """The prompt that asks for a name."""
        text = self._card.before + question(evidence) + self._card.after
        rows = np.concatenate([self._vectors, self._embed(text)])
        return Embedded(base64.b64encode(torch_bytes(rows.astype(np.float16))).decode())

    def _embed(self, text: str) -> Floats:
        return self._table[self._tokenizer.encode(text, add_special_tokens=False).ids]


def fingerprint(rows: Floats) -> str:
    """Tells vectors of different models apart, whatever precision they are kept in."""
    bits = np.ascontiguousarray(rows, "<f4").view("<u4")
    # As bfloat16, to nearest even: a model may have been loaded with no more than that.
    rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16
    return hashlib.sha256(rounded.astype("<u2").tobytes()).hexdigest()


def _embeddings(weights: Path) -> Table:
    try:
        index = msgspec.json.decode((weights / INDEX).read_bytes(), type=dict[str, object])
        files: dict[str, str] = msgspec.convert(index["weight_map"], dict[str, str])
    except FileNotFoundError:
        files = dict.fromkeys(names_in(weights / WHOLE), WHOLE)
    except (OSError, KeyError, msgspec.MsgspecError) as error:
        raise ModelError(f"{weights / INDEX}: {error}") from None
    name = next(filter(files.__contains__, _TABLES), None)
    if name is None:
        raise ModelError(f"{weights}: no embedding table of a known name in its weights")
    return Table(weights / files[name], name)

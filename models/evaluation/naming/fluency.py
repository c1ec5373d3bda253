"""How likely a language model finds a name: a Llama in the form of transformers, by NumPy.

Not by the server that gives names: vLLM's `prompt_logprobs`, which would say it, ended the engine
of a CPU server with adapters (0.32) as soon as anybody else asked at the same time.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from models.errors import ModelError
from models.naming.tensors import WHOLE, Table
from models.vectors import Floats

# What comes before every name, so that the model expects one.
BEFORE: Final = "Interests: Restoring vintage bicycles; Landscape photography; Chess;"
AFTER: Final = ";"  # a name that stops halfway is not likely to end there
MASKED: Final = -1e9


class Llama:
    """A language model of the Llama family, for some tokens at a time.

    Args:
        folder: `config.json`, `model.safetensors` and `tokenizer.json`; the embeddings serve as
            output layer where there is none.

    Raises:
        ModelError: It cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        try:
            about: dict[str, Any] = json.loads((folder / "config.json").read_bytes())
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._heads: int = about["num_attention_heads"]
            self._shared: int = self._heads // about["num_key_value_heads"]
            self._depth: int = about["num_hidden_layers"]
            self._epsilon: float = about["rms_norm_eps"]
            self._base: float = about["rope_parameters"]["rope_theta"]
        except Exception as error:  # those of tokenizers have no common base
            raise ModelError(f"{folder}: no language model that can be read: {error}") from None
        self._file = folder / WHOLE
        self._known: dict[str, Floats] = {}
        self._embeddings = self._weight("model.embed_tokens.weight")

    def fluency(self, names: Iterable[str]) -> Mapping[str, float]:
        """Mean log-probability of the tokens of each name, natural; blocking."""
        context = len(self._tokenizer.encode(BEFORE, add_special_tokens=False).ids)
        known = {}
        for name in dict.fromkeys(names):
            said = self._tokenizer.encode(f"{BEFORE} {name}{AFTER}", add_special_tokens=False)
            known[name] = float(self._log_probabilities(said.ids)[context - 1 :].mean())
        return known

    def _log_probabilities(self, ids: Sequence[int]) -> Floats:
        """Of each token but the first, given those before it; shape (tokens - 1,)."""
        hidden = self._embeddings[list(ids)]
        for layer in range(self._depth):
            path = f"model.layers.{layer}"
            hidden = hidden + self._attention(path, self._normed(path, "input_layernorm", hidden))
            hidden = hidden + self._mlp(
                path, self._normed(path, "post_attention_layernorm", hidden)
            )
        logits = self._normed("model", "norm", hidden[:-1]) @ self._embeddings.T
        logits = logits - logits.max(axis=1, keepdims=True)
        right = logits[np.arange(len(ids) - 1), list(ids[1:])]
        found: Floats = right - np.log(np.exp(logits).sum(axis=1))
        return found

    def _attention(self, path: str, hidden: Floats) -> Floats:
        """Attention over a token and those before it, keys and values shared by heads."""
        tokens = len(hidden)

        def heads(name: str) -> Floats:
            rows = hidden @ self._weight(f"{path}.self_attn.{name}_proj.weight").T
            width = self._embeddings.shape[1] // self._heads
            return rows.reshape(tokens, -1, width).transpose(1, 0, 2)

        query = self._turned(heads("q"))
        key = np.repeat(self._turned(heads("k")), self._shared, axis=0)
        value = np.repeat(heads("v"), self._shared, axis=0)
        near = query @ key.transpose(0, 2, 1) / query.shape[-1] ** 0.5
        near = np.where(np.tri(tokens, dtype=bool), near, MASKED)
        near = np.exp(near - near.max(axis=-1, keepdims=True))
        near /= near.sum(axis=-1, keepdims=True)
        merged = (near @ value).transpose(1, 0, 2).reshape(tokens, -1)
        out: Floats = merged @ self._weight(f"{path}.self_attn.o_proj.weight").T
        return out

    def _turned(self, rows: Floats) -> Floats:
        """Rotary positions (Su et al. 2021), the two halves of a head turned together."""
        half = rows.shape[-1] // 2
        angles = np.outer(np.arange(rows.shape[1]), self._base ** -(np.arange(half) / half))
        cosine, sine = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        first, second = rows[..., :half], rows[..., half:]
        turned = (first * cosine - second * sine, second * cosine + first * sine)
        return np.concatenate(turned, axis=-1)

    def _mlp(self, path: str, hidden: Floats) -> Floats:
        gate = hidden @ self._weight(f"{path}.mlp.gate_proj.weight").T
        up = hidden @ self._weight(f"{path}.mlp.up_proj.weight").T
        down = self._weight(f"{path}.mlp.down_proj.weight")
        out: Floats = (gate / (1 + np.exp(-gate)) * up) @ down.T
        return out

    def _normed(self, path: str, name: str, rows: Floats) -> Floats:
        scale = np.sqrt((rows**2).mean(axis=-1, keepdims=True) + self._epsilon)
        normed: Floats = rows / scale * self._weight(f"{path}.{name}.weight")
        return normed

    def _weight(self, name: str) -> Floats:
        if name not in self._known:
            self._known[name] = Table(self._file, name)[:]
        return self._known[name]

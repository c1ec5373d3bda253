"""How likely a language model finds a name: on a tiny model made by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from models.errors import ModelError
from models.evaluation.naming.fluency import AFTER, BEFORE, Llama
from models.naming.tensors import write_safetensors

WORDS = ("tea", "green")
ABOUT = {
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_theta": 10_000.0},
}


def tiny(folder: Path, *, idle: bool) -> Llama:
    """Eight numbers wide; idle: its layers add nothing."""
    draw = np.random.default_rng(0)
    splitter = Whitespace()
    known = [word for word, _ in splitter.pre_tokenize_str(f"{BEFORE} {AFTER} {' '.join(WORDS)}")]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(known))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=AFTER))
    tokenizer.pre_tokenizer = splitter
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(ABOUT))
    shapes = {"model.embed_tokens.weight": (len(vocabulary), 8), "model.norm.weight": (8,)}
    for layer in range(2):
        path = f"model.layers.{layer}"
        shapes |= {f"{path}.{n}_layernorm.weight": (8,) for n in ("input", "post_attention")}
        shapes |= {f"{path}.self_attn.{n}_proj.weight": (8, 8) for n in ("q", "o")}
        shapes |= {f"{path}.self_attn.{n}_proj.weight": (4, 8) for n in ("k", "v")}
        shapes |= {f"{path}.mlp.{n}_proj.weight": (16, 8) for n in ("gate", "up")}
        shapes[f"{path}.mlp.down_proj.weight"] = (8, 16)
    tensors = {
        name: np.float32(1 if len(shape) == 1 else 0 if idle and "layers" in name else 0.5)
        * (np.ones(shape) if len(shape) == 1 else draw.normal(size=shape)).astype(np.float32)
        for name, shape in shapes.items()
    }
    write_safetensors(folder / "model.safetensors", tensors)
    return Llama(folder)


def test_a_model_whose_layers_add_nothing_knows_only_pairs_of_words(tmp_path: Path) -> None:
    model = tiny(tmp_path, idle=True)
    embeddings = model._embeddings
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    said = tokenizer.encode(f"{BEFORE[-1]} green tea {AFTER}").ids
    rows = embeddings[said[:-1]]
    logits = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + 1e-5) @ embeddings.T
    expected = [
        row[right] - np.log(np.exp(row).sum()) for row, right in zip(logits, said[1:], strict=True)
    ]
    assert model.fluency(["green tea"])["green tea"] == pytest.approx(np.mean(expected), abs=1e-4)


def test_the_order_of_words_counts_and_what_follows_does_not(tmp_path: Path) -> None:
    model = tiny(tmp_path, idle=False)
    one, other = model.fluency(["green tea", "tea green"]).values()
    assert one != pytest.approx(other)
    ids = [0, 3, 2, 5]
    np.testing.assert_allclose(
        model._log_probabilities([*ids, 1])[:3], model._log_probabilities(ids), atol=1e-5
    )


def test_a_folder_without_a_model_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no language model that can be read"):
        Llama(tmp_path)

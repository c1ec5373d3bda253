"""A soft prompt with the model that it belongs to, both tiny; and what of it a server is sent."""

import base64
import io
import pickletools
import zipfile
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from models.naming.prompt import question
from models.naming.soft import CARD, VECTORS, Card, fingerprint
from models.naming.tensors import Table, write_safetensors
from models.naming.titles import Evidence
from tests.support.naming import request

WIDTH = 8
WORDS = [
    "[UNK]",
    "system",
    "user",
    "assistant",
    *question(Evidence.of(request())).replace("-", " ").split(),
]
VOCABULARY = {word: place for place, word in enumerate(dict.fromkeys(WORDS))}


def a_model(folder: Path, seed: int = 1) -> Path:
    """Tokenizer and embedding table of a model."""
    folder.mkdir()
    tokenizer = Tokenizer(WordLevel(VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.random.default_rng(seed).normal(size=(len(VOCABULARY), WIDTH)).astype(np.float32)
    write_safetensors(
        folder / "model.safetensors", {"other": table[:2], "model.embed_tokens.weight": table}
    )
    return folder


def a_soft_prompt(folder: Path, model: Path) -> NDArray[np.float32]:
    """What `tune prompt` writes for that model; its vectors."""
    folder.mkdir()
    vectors = np.random.default_rng(2).normal(size=(3, WIDTH)).astype(np.float32)
    write_safetensors(folder / VECTORS, {"soft_prompt": vectors})
    table = Table(model / "model.safetensors", "model.embed_tokens.weight")
    before = "system user"
    ids = [VOCABULARY[word] for word in before.split()]
    card = Card(
        model=str(model),
        before=before + " ",
        after=" assistant",
        fingerprint=fingerprint(table[ids]),
    )
    (folder / CARD).write_bytes(msgspec.json.encode(card))
    return vectors


def sent(data: str) -> NDArray[np.float16]:
    """The tensor of a request, read as far as that can be done without torch."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(data))) as archive:
        names = [
            argument
            for opcode, argument, _ in pickletools.genops(archive.read("archive/data.pkl"))
            if opcode.name == "GLOBAL"
        ]
        assert names == [
            "torch._utils _rebuild_tensor_v2",
            "torch HalfStorage",
            "collections OrderedDict",
        ]
        return np.frombuffer(archive.read("archive/data/0"), "<f2").reshape(-1, WIDTH)

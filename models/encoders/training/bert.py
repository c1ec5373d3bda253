"""A BERT of torch with the weights of an ONNX file, and back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import Tensor, nn

HEADS: Final = 12
EPSILON: Final = 1e-12


class Layer(nn.Module):  # type: ignore[misc]
    """Attention, then two linear maps; normalised after each (Vaswani et al. 2017)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.query, self.key, self.value, self.merged = (nn.Linear(width, width) for _ in range(4))
        self.widened, self.narrowed = nn.Linear(width, inner), nn.Linear(inner, width)
        self.first, self.second = (nn.LayerNorm(width, EPSILON) for _ in range(2))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states (texts, tokens, width), mask (texts, 1, 1, tokens) of what is a token."""

        def heads(x: Tensor) -> Tensor:
            return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

        # Plainly: for texts so short torch's own attention takes twice the time of all else.
        query, key, value = (heads(of(hidden)) for of in (self.query, self.key, self.value))
        likeness = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5
        seen = likeness.masked_fill(~mask, -1e4).softmax(-1) @ value
        hidden = self.first(hidden + self.merged(seen.transpose(1, 2).flatten(2)))
        return self.second(hidden + self.narrowed(F.gelu(self.widened(hidden))))


class Bert(nn.Module):  # type: ignore[misc]
    """Token ids to the vector of the first token, of unit length."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        words, places = (
            weights["embeddings.word_embeddings.weight"],
            weights["embeddings.position_embeddings.weight"],
        )
        width = words.shape[1]
        depth = 1 + max(int(n.split(".")[2]) for n in weights if n.startswith("encoder.layer."))
        inner = len(weights["encoder.layer.0.intermediate.dense.bias"])
        self.words = nn.Embedding(*words.shape)
        self.places = nn.Embedding(*places.shape)
        self.types = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, EPSILON)
        self.layers = nn.ModuleList(Layer(width, inner) for _ in range(depth))
        with torch.no_grad():
            for name, parameter in self.named():
                value = weights[name]
                parameter.copy_(value.T if _is_matrix(name) else value)

    def named(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Each parameter by its name in the ONNX file's graph."""
        for name, parameter in self.named_parameters():
            for ours, theirs in _NAMES:
                name = name.replace(ours, theirs)
            yield name, parameter

    def forward(self, ids: Tensor, known: Tensor) -> Tensor:
        """Ids and which of them are tokens, both (texts, tokens), to rows (texts, width)."""
        hidden = self.words(ids) + self.places.weight[: ids.shape[1]] + self.types.weight[0]
        hidden = self.norm(hidden)
        for layer in self.layers:
            hidden = layer(hidden, known[:, None, None, :])
        return F.normalize(hidden[:, 0].float(), dim=-1)


# Ours first: what a parameter's name holds, and what stands there in the file.
_NAMES: Final = (
    ("norm.", "embeddings.LayerNorm."),
    ("words.", "embeddings.word_embeddings."),
    ("places.", "embeddings.position_embeddings."),
    ("types.", "embeddings.token_type_embeddings."),
    ("layers.", "encoder.layer."),
    (".query.", ".attention.self.query."),
    (".key.", ".attention.self.key."),
    (".value.", ".attention.self.value."),
    (".merged.", ".attention.output.dense."),
    (".first.", ".attention.output.LayerNorm."),
    (".widened.", ".intermediate.dense."),
    (".narrowed.", ".output.dense."),
    (".second.", ".output.LayerNorm."),
)


def _is_matrix(name: str) -> bool:
    """Whether it is multiplied with: the file keeps those the other way round."""
    return name.startswith("encoder.") and name.endswith(".weight") and "LayerNorm" not in name


def _stored(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """The file's weights; a matrix has no name of its own there, its product does."""
    tensors = {each.name: each for each in model.graph.initializer}
    found = {name: each for name, each in tensors.items() if "." in name}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in tensors:
            path = node.name.strip("/").removesuffix("/MatMul").replace("/", ".")
            found[f"{path}.weight"] = tensors[node.input[1]]
    return found


def load(path: Path) -> Bert:
    """The model of an ONNX file, as exported from transformers."""
    stored = _stored(onnx.load(path))
    weights = {n: torch.tensor(numpy_helper.to_array(each)) for n, each in stored.items()}
    return Bert(weights)


def store(bert: Bert, model: onnx.ModelProto) -> None:
    """Put the weights into the ONNX model that they came from."""
    stored = _stored(model)
    for name, parameter in bert.named():
        value = parameter.detach().float()
        value = value.T.contiguous() if _is_matrix(name) else value
        stored[name].CopyFrom(numpy_helper.from_array(value.numpy(), stored[name].name))


def mix(bert: Bert, other: Bert, share: float) -> None:
    """Keep a share of the weights; the rest is another's."""
    with torch.no_grad():
        for (_, own), (_, its) in zip(bert.named(), other.named(), strict=True):
            own.lerp_(its, 1 - share)

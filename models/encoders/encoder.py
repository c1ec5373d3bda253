"""Titles to unit vectors, by onnxruntime.

A text's vector never depends on which texts are encoded with it: a batch holds only texts of the
same number of tokens, so nothing is padded, and a model that still mixes its rows (dynamic
quantisation scales over the whole batch) is found out when it is opened and given one text at a
time. Replay and worker batch differently and must see the same bits.
"""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final, Self

import numpy as np

from models.encoders.config import Pooling, read_config
from models.encoders.multilingual.folder import folder as multilingual_folder
from models.encoders.onnx_folder import (
    download,
    find_model,
    first_line,
    is_hub_id,
    open_session,
    open_tokenizer,
)
from models.encoders.reading import Reader, from_characters
from models.engine.params import SCALE, Scale
from models.errors import ModelError, Reason, Rejected
from models.vectors import Vector, Vectors

MULTILINGUAL: Final = "multilingual"
SHIPPED: Final = {name: Path(__file__).parent / name for name in ("best", "fast")}
INPUTS: Final = {"input_ids", "attention_mask", "token_type_ids"}
_UNFITTED: Final = (
    "encoder {}: its vectors have no map and scale, journeys will be poor until "
    "`journeys tune encoder` has made a folder of it"
)
_PROBE: Final = (
    "At home, the first title of a bread stream and tennis, then a broker will serve late trains "
    "by the oven of a court where 30 kites rest"
)
TINY: Final = 1e-6  # a shorter output holds rounding errors, not meaning


class Encoder:
    """A sentence encoder. Thread-safe; every call blocks, so keep it off the event loop.

    Attributes:
        folder: Where it lies.
        name: `name@version` of the model.
        languages: Codes of those that it can read; empty where it is not said.
        dimensions: Length of its vectors.
        scale: The engine's parameters for its vectors.
        output: Name of the model's output.
        pooling: How that becomes a sentence's vector; None where it is one.
        caveat: One line for whoever uses it, where nobody has fitted a map and a scale; else empty.
    """

    def __init__(
        self, folder: Path, name: str | None = None, *, threads: int = 1, batch: int = 256
    ) -> None:
        self.folder = folder
        config = read_config(folder)
        model = find_model(folder)
        self._batch = batch
        self._tokenizer = open_tokenizer(folder / "tokenizer.json", config.max_tokens)
        self._prefix = config.prefix
        self.languages = config.languages
        self._reader = Reader(self._tokenizer, self.languages, self._prefix)
        self._session = open_session(model, threads)
        self._inputs = {i.name for i in self._session.get_inputs()}
        if others := self._inputs - INPUTS:
            raise ModelError(f"encoder {folder}: the model asks for {', '.join(sorted(others))}")
        outputs = [o.name for o in self._session.get_outputs()]
        self.output = "sentence_embedding" if "sentence_embedding" in outputs else outputs[0]
        try:
            probe = self._outputs([self._tokenizer.encode("the first title").ids])
            self.pooling: Pooling | None = config.pooling if probe.ndim == 3 else None
            self.dimensions = int(probe.shape[-1])
            if not self._rows_are_independent():
                self._batch = 1
        except Exception as error:  # onnxruntime's errors have no common base
            raise ModelError(f"encoder {folder}: it does not run: {first_line(error)}") from None
        if config.name and config.version:
            self.name = f"{config.name}@{config.version}"
        else:
            digest = hashlib.sha256(model.read_bytes()).hexdigest()[:8]
            self.name = f"{name or folder.resolve().name}@{digest}"
        self.scale: Scale = config.scale or SCALE
        self.caveat = "" if config.scale else _UNFITTED.format(self.name)

    @classmethod
    def open(cls, spec: str, *, threads: int = 1, batch: int = 256) -> Self:
        """Open the encoder that a setting names.

        Args:
            spec: `best` or `fast`, which ship, `multilingual` (extra of that name), a
                sentence-transformers ONNX folder, or a hub id (extra `hub`).
            threads: Threads of one run.
            batch: Texts encoded at once.

        Raises:
            ModelError: One line: what is missing, broken or not understood.
        """
        if spec == MULTILINGUAL:
            return cls(multilingual_folder(), threads=threads, batch=batch)
        folder = SHIPPED.get(spec) or Path(spec).expanduser()
        if folder.is_dir():
            return cls(folder, threads=threads, batch=batch)
        if is_hub_id(spec):
            return cls(download(spec), spec, threads=threads, batch=batch)
        raise ModelError(
            f"encoder {spec}: no such folder, not a hub id, and none of those that ship, "
            f"{' and '.join(SHIPPED)}, nor {MULTILINGUAL}"
        )

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts.

        A text that the encoder cannot read (`models.encoders.reading`) gets a unit vector made from
        its characters alone: it is then near to itself and to nothing else.

        Returns:
            Unit rows in the order of the texts, shape (len(texts), dimensions).

        Raises:
            ModelError: The model fails on these texts.
        """
        unique = list(dict.fromkeys(texts))
        rows = dict(zip(unique, range(len(unique)), strict=True))
        vectors = np.zeros((len(unique), self.dimensions), np.float32)
        tokens = self._tokens(unique)
        for places in self._batches(tokens):
            try:
                vectors[places] = self._run([tokens[i] for i in places])
            except Exception as error:
                raise ModelError(f"encoder {self.name}: {first_line(error)}") from None
        with np.errstate(all="ignore"):  # a mean over no known token is 0 / 0
            norms = np.linalg.norm(vectors, axis=1)
            vectors /= norms[:, None]
        for i in np.flatnonzero(~((norms > TINY) & np.isfinite(norms))):
            vectors[i] = from_characters(unique[i], self.dimensions)
        return vectors[[rows[text] for text in texts]]

    def _tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of texts, none at all for one that cannot be read."""
        texts = [self._prefix + text for text in texts]
        encodings = self._tokenizer.encode_batch(texts)
        return [
            encoding.ids if self._reader.reads(text, encoding) else []
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def _batches(self, tokens: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Places of texts to run together: same token count, at least one token."""

        def length(place: int) -> int:
            return len(tokens[place])

        for size, group in groupby(sorted(range(len(tokens)), key=length), key=length):
            places = list(group) if size else []
            for start in range(0, len(places), self._batch):
                yield places[start : start + self._batch]

    def _run(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """Raw sentence vectors of token rows of equal length, shape (rows, dimensions)."""
        output = self._outputs(tokens)
        if self.pooling is not None:  # there is no padding to leave out
            output = output[:, 0] if self.pooling == "cls" else output.mean(axis=1)
        if output.ndim != 2 or len(output) != len(tokens):
            raise ModelError(f"output {self.output} has shape {output.shape}")
        return output

    def _outputs(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        """What the model gives for token rows of equal length."""
        ids = np.array(tokens, np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        wanted = {name: feed[name] for name in self._inputs}
        output: Vectors = self._session.run([self.output], wanted)[0]
        return output

    def _rows_are_independent(self) -> bool:
        """Whether rows come out bit for bit the same alone and in a batch, short and long ones."""
        ids = self._tokenizer.encode(_PROBE).ids
        for size in (4, 12):  # some operations go another way for long ones
            rows = [ids[start : start + size] for start in range(max(1, len(ids) - size + 1))]
            alone = np.concatenate([self._run([row]) for row in rows])
            if not np.array_equal(alone, self._run(rows), equal_nan=True):
                return False
        return True


def check_vector(vector: Sequence[float], dimensions: int) -> Vector:
    """A producer's own vector as a unit vector, shape (dimensions,).

    Raises:
        Rejected: It has another length, or no direction (zero, not finite).
    """
    if len(vector) != dimensions:
        raise Rejected(Reason.BAD_VECTOR, f"{len(vector)} dimensions, the encoder has {dimensions}")
    values = np.asarray(vector, np.float64)
    largest = np.abs(values).max()
    if not 0.0 < largest < np.inf:
        raise Rejected(Reason.BAD_VECTOR, "the vector is zero or not finite")
    values = values / largest  # first, so that no square overflows or vanishes
    unit: Vector = (values / np.linalg.norm(values)).astype(np.float32)
    return unit

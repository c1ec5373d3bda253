"""How an encoder is to be used, as the `config.json` of its folder says it.

All of it may be missing: then it is any sentence-transformers folder.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from models.encoders.onnx_folder import pools_first, read_json
from models.engine.params import Scale
from models.errors import ModelError

Pooling: TypeAlias = Literal["mean", "cls"]

MAX_TOKENS: Final = 128  # a title is short; attention costs the square of the length

_LONGEST_PREFIX: Final = 200  # characters


@dataclass(frozen=True)
class EncoderConfig:
    """What a folder says of its encoder.

    Attributes:
        name: Of the model; empty where it is not said.
        version: Of the model; empty where it is not said.
        licence: Of the folder.
        languages: Codes of the languages it can read; empty where it is not said.
        pooling: How tokens become a sentence, for a model that gives one vector a token.
        prefix: Put before every text.
        max_tokens: Tokens of a text that are read, the model's own marks among them.
        scale: The engine's parameters for this space; None where nobody has fitted them.
        fitted_on: What the map and the scale were fitted on.
    """

    name: str
    version: str
    licence: str
    languages: tuple[str, ...]
    pooling: Pooling
    prefix: str
    max_tokens: int
    scale: Scale | None
    fitted_on: str


def read_config(folder: Path) -> EncoderConfig:
    """Read what a folder says.

    Raises:
        ModelError: One line: which file is broken, or which field is wrong.
    """
    path = folder / "config.json"
    values = read_json(path)
    try:
        scale = values.get("scale")
        return EncoderConfig(
            name=_text(values, "name"),
            version=_text(values, "version"),
            licence=_text(values, "licence"),
            languages=_languages(values.get("languages", [])),
            pooling=_pooling(values.get("pooling"), folder),
            prefix=_prefix(_text(values, "prefix")),
            max_tokens=_max_tokens(values.get("max_tokens", MAX_TOKENS)),
            scale=None if scale is None else Scale.checked(scale),
            fitted_on=_text(values, "fitted_on"),
        )
    except ValueError as error:
        raise ModelError(f"encoder {path}: {error}") from None


def _text(values: dict[str, Any], field: str) -> str:
    value = values.get(field, "")
    if not isinstance(value, str):
        raise ValueError(f"{field} is text, not {value!r}")
    return value


def _prefix(value: str) -> str:
    if len(value) > _LONGEST_PREFIX:
        raise ValueError(f"prefix has more than {_LONGEST_PREFIX} characters")
    return value


def _languages(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(code, str) for code in value):
        raise ValueError(f"languages is a list of codes, not {value!r}")
    return tuple(value)


def _max_tokens(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"max_tokens is a whole number above 0, not {value!r}")
    return min(value, MAX_TOKENS)


def _pooling(value: object, folder: Path) -> Pooling:
    if value is None:
        return "cls" if pools_first(folder / "1_Pooling" / "config.json") else "mean"
    if value not in ("mean", "cls"):
        raise ValueError(f"pooling is mean or cls, not {value!r}")
    return "cls" if value == "cls" else "mean"

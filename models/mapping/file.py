"""A mapping file as it is written: TOML, on top of the mapping that it extends, keys checked."""

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from models.errors import SettingsError
from models.mapping.conditions import TESTS

PRESETS: Final = Path(__file__).with_name("presets")

REQUIRED: Final = ("user_id", "item_id", "occurred_at")
FIELDS: Final = (*REQUIRED, "title", "text", "event_id", "type", "weight", "terms", "vector")
FORMATS: Final = ("json", "registry", "auto")

_KEYS: Final[dict[str, Collection[str]]] = {
    "": ("extends", "topics", "format", "each", "activity", "time", "weights", "only"),
    "activity": FIELDS,
    "time": ("unit", "zone"),
    "only": ("path", *TESTS),
}
_KINDS: Final = {
    "extends": (str, "the name of a preset or the path of a file"),
    "format": (str, "a text"),
    "each": (str, "a path"),
    "topics": (list, "a list of texts"),
    "activity": (dict, "a table"),
    "time": (dict, "a table"),
    "weights": (dict, "a table"),
    "only": (list, "a list of tables, [[only]]"),
}


def presets() -> list[str]:
    """The names of the mappings that ship with us."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def find(wanted: str) -> Path:
    """The file of a preset or of a path.

    Raises:
        SettingsError: There is none.
    """
    if wanted in presets():
        return PRESETS / f"{wanted}.toml"
    path = Path(wanted)
    if path.is_file():
        return path
    near = get_close_matches(wanted, presets(), 1)
    hint = f"do you mean {near[0]}?" if near else f"presets are {', '.join(presets())}"
    raise SettingsError(f"{wanted}: neither a preset nor a file; {hint}")


def read(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The tables of a file over those that it extends.

    Args:
        path: The file.
        above: The files that extend it.

    Raises:
        SettingsError: One line: file, key, what is wrong.
    """
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path.name}: not TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    return resolve(path.name, own, path.parent, (*above, path))


def resolve(
    name: str, own: dict[str, Any], folder: Path = Path(), above: tuple[Path, ...] = ()
) -> dict[str, Any]:
    """Tables over those that they extend, their keys known and of the right kind.

    Tables are joined key by key; `[[only]]` adds to the conditions that are there, and `only = []`
    drops them.

    Args:
        name: Of their file, for errors.
        own: The tables.
        folder: Where a file that they extend may lie.
        above: Their file, and those that extend it.

    Raises:
        SettingsError: One line: file, key, what is wrong.
    """
    _check(name, own)
    wanted = own.get("extends")
    if wanted is None:
        return own
    beside = folder / wanted
    base = beside if wanted not in presets() and beside.is_file() else find(wanted)
    if base in above:
        raise SettingsError(f"{name}: extends: {wanted} extends this file")
    return _joined(read(base, above), {key: own[key] for key in own if key != "extends"})


def check_keys(place: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse keys that are not known.

    Raises:
        SettingsError: Names the nearest known key.
    """
    for key in given:
        if key not in known:
            near = get_close_matches(key, known, 1, cutoff=0.5)
            hint = f"do you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise SettingsError(f"{place}{key}: unknown; {hint}")


def _check(name: str, tables: dict[str, Any]) -> None:
    check_keys(f"{name}: ", tables, _KEYS[""])
    for key, value in tables.items():
        kind, words = _KINDS[key]
        if not isinstance(value, kind):
            raise SettingsError(f"{name}: {key}: {words} is wanted")
    for key in ("activity", "time"):
        check_keys(f"{name}: {key}.", tables.get(key, {}), _KEYS[key])
    for number, table in enumerate(tables.get("only", []), 1):
        if not isinstance(table, dict):
            raise SettingsError(f"{name}: only: {_KINDS['only'][1]} is wanted")
        check_keys(f"{name}: only[{number}].", table, _KEYS["only"])


def _joined(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    joined = {**base, **own}
    for key in ("activity", "time", "weights"):
        if key in base and key in own:
            joined[key] = {**base[key], **own[key]}
    if own.get("only"):
        joined["only"] = [*base.get("only", []), *own["only"]]
    return joined

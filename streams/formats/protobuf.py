"""Protobuf: schema texts from a registry, compiled when they are first met.

In front of a message stands which of the schema's messages it is: the numbers on the way down to
it, as zigzag varints after their count; a single 0 stands for the first message.
"""

import base64
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from streams.formats.extra import needed
from streams.formats.plain import text_of
from streams.formats.registry import Schema

FIRST: Final = b"\x00"  # the message index of a schema's first message
_MAIN: Final = "journeys_main.proto"
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=\s]+")  # a text has semicolons and braces
# Confluent's serializers do not register these beside a schema that imports them. The second has
# one name in Java and another in Python.
_BUILT_IN: Final = {
    "confluent/meta.proto": "confluent.meta_pb2",
    "confluent/type/decimal.proto": "confluent.types.decimal_pb2",
    "confluent/types/decimal.proto": "confluent.types.decimal_pb2",
}
_WELL_KNOWN: Final = "google.protobuf."


def reader(schema: Schema) -> Callable[[bytes], Any]:
    """What decodes values of a schema; it raises anything when one does not fit.

    Raises:
        Exception: The schema is none.
    """
    file, classes = _compiled(schema), dict[bytes, Any]()

    def decode(value: bytes) -> Any:
        indexes, start = _indexes(value)
        path = value[:start]
        if (kind := classes.get(path)) is None:
            kind = classes[path] = _message_class(file, indexes)
        return _plain(kind.FromString(value[start:]))

    return decode


def writer(schema: Schema) -> Callable[[Any], bytes]:
    """What encodes plain objects as a schema's first message; the same bytes each time."""
    kind = _message_class(_compiled(schema), [0])
    return lambda value: FIRST + kind(**value).SerializeToString(deterministic=True)


def _compiled(schema: Schema) -> Any:
    """The descriptor of a schema's own file."""
    files = needed("google.protobuf.descriptor_pb2")
    texts = {**schema.references, _MAIN: schema.text}
    known = _known(texts, files)
    with tempfile.TemporaryDirectory(prefix="journeys-proto-") as folder:
        for name in texts.keys() - {file.name for file in known.file}:
            path = Path(folder, name)
            if not path.resolve().is_relative_to(Path(folder).resolve()):
                raise ValueError(f"a schema refers to a file of the name {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(texts[name], encoding="utf-8")
        made = files.FileDescriptorSet.FromString(_protoc(Path(folder), known))
    pool = needed("google.protobuf.descriptor_pool").DescriptorPool()
    for file in made.file:
        pool.Add(file)
    return pool.FindFileByName(_MAIN)


def _known(texts: dict[str, str], files: Any) -> Any:
    """The files of which there are descriptors already, and no text is needed."""
    known = files.FileDescriptorSet()
    for name, text in texts.items():
        if _BASE64.fullmatch(text):
            known.file.add().ParseFromString(base64.b64decode(text))
            known.file[-1].name = name
    imported = b"".join([known.SerializeToString(), *(text.encode() for text in texts.values())])
    for name, module in _BUILT_IN.items():
        if name.encode() in imported:
            built_in = needed(f"confluent_kafka.schema_registry.{module}").DESCRIPTOR
            built_in.CopyToProto(known.file.add())
            known.file[-1].name = name
    return known


def _protoc(folder: Path, known: Any) -> bytes:
    """Compile the files of a folder; all that they need comes with them."""
    given, made = folder / ".known", folder / ".made"
    given.write_bytes(known.SerializeToString())
    # The tool's folder has Google's basic types; beside packages lie its further ones.
    basic = Path(str(needed("grpc_tools").__file__)).parent / "_proto"
    # A process of its own: it writes what is wrong to its stderr, which is ours otherwise.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            *(f"--proto_path={path}" for path in (folder, basic, *_google_types())),
            f"--descriptor_set_in={given}",
            f"--descriptor_set_out={made}",
            "--include_imports",
            _MAIN,
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        reason = done.stderr.strip().replace(f"{folder}/", "") or f"exit {done.returncode}"
        raise ValueError(reason.splitlines()[0])
    return made.read_bytes()


def _google_types() -> list[str]:
    """The folder under which google/type/*.proto lie, if they are installed."""
    found = importlib.util.find_spec("google.type")
    places = found.submodule_search_locations if found else None
    return [str(Path(place).parents[1]) for place in places or ()]


def _indexes(value: bytes) -> tuple[list[int], int]:
    """The message index in front of a message, and where the message begins."""
    count, at = _varint(value, 0)
    if count == 0:
        return [0], at
    indexes = []
    for _ in range(count):
        index, at = _varint(value, at)
        indexes.append(index)
    return indexes, at


def _varint(value: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = value[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            number = number >> 1 ^ -(number & 1)
            if number < 0:
                raise ValueError("a negative message index")
            return number, at


def _message_class(file: Any, indexes: list[int]) -> Any:
    messages = list(file.message_types_by_name.values())
    for index in indexes[:-1]:
        messages = list(messages[index].nested_types)
    return needed("google.protobuf.message_factory").GetMessageClass(messages[indexes[-1]])


def _plain(message: Any) -> Any:
    """A message as plain objects, by the names in its schema.

    Whole numbers of 64 bits stay numbers, enums are named, bytes as `text_of` says. Google's own
    types are as Protobuf's JSON has them: a Timestamp is RFC 3339 text. A number that is 0, or a
    text that is empty, in a field that cannot be unset is left out: nothing tells it from one that
    nobody set. Booleans, enums, lists and maps are always there.
    """
    descriptor = message.DESCRIPTOR
    if descriptor.full_name.startswith(_WELL_KNOWN):
        if [*descriptor.fields_by_name] == ["value"]:  # a wrapper, as Int64Value
            return _one(descriptor.fields[0], message.value)
        return needed("google.protobuf.json_format").MessageToDict(
            message, preserving_proto_field_name=True
        )
    found = {}
    for field in descriptor.fields:
        value = getattr(message, field.name)
        if field.has_presence:
            if message.HasField(field.name):
                found[field.name] = _one(field, value)
        elif _is_map(field):
            kind = field.message_type.fields_by_name["value"]
            found[field.name] = {_key(key): _one(kind, value[key]) for key in value}
        elif field.is_repeated:
            found[field.name] = [_one(field, one) for one in value]
        elif value or field.type in (field.TYPE_BOOL, field.TYPE_ENUM):
            found[field.name] = _one(field, value)
    return found


def _one(field: Any, value: Any) -> Any:
    if field.type in (field.TYPE_MESSAGE, field.TYPE_GROUP):
        return _plain(value)
    if field.type == field.TYPE_ENUM:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else value
    return text_of(value) if field.type == field.TYPE_BYTES else value


def _is_map(field: Any) -> bool:
    return field.type == field.TYPE_MESSAGE and bool(field.message_type.GetOptions().map_entry)


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)

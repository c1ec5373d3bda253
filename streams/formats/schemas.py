"""The schemas of what we write, made from the records themselves.

A field that is added to a record is in the next schema; where it has a default, the registry finds
the two compatible. Protobuf numbers fields in their order: new ones go to the end.
"""

import json
from typing import Any, Final

import msgspec
from msgspec import inspect

from streams.formats.registry import Schema

NAMESPACE: Final = "interest_journeys"

_AVRO: Final = {
    inspect.BoolType: "boolean",
    inspect.IntType: "long",
    inspect.FloatType: "double",
    inspect.StrType: "string",
    inspect.LiteralType: "string",  # no enum: a word more must not be another type
}
_PROTOBUF: Final = {
    inspect.BoolType: "bool",
    inspect.IntType: "int64",
    inspect.FloatType: "double",
    inspect.StrType: "string",
    inspect.LiteralType: "string",
}


def avro(kind: type[msgspec.Struct], name: str) -> Schema:
    """A record as an Avro schema.

    Args:
        kind: The record's class.
        name: What it is called there; those inside it go by their class.
    """
    root = _avro_record(_struct(kind), name, set())
    return Schema("AVRO", json.dumps({"namespace": NAMESPACE, **root}))


def protobuf(kind: type[msgspec.Struct], name: str) -> Schema:
    """A record as a Protobuf schema (proto3); its first message is the record."""
    messages: dict[str, list[str]] = {}
    _protobuf_message(_struct(kind), name, messages)
    lines = ['syntax = "proto3";', f"package {NAMESPACE};"]
    for message, fields in messages.items():
        lines += ["", f"message {message} {{", *(f"  {field};" for field in fields), "}"]
    return Schema("PROTOBUF", "\n".join(lines) + "\n")


def json_schema(kind: type[msgspec.Struct], name: str) -> Schema:
    """A record as a JSON Schema."""
    schema = msgspec.json.schema(kind)
    definitions = schema.get("$defs", {})
    definition = definitions.pop(kind.__name__, schema)
    for one in (definition, *definitions.values()):
        one.pop("description", None)  # it is for who reads the code, and no part of the schema
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **definition,
        "title": name,
        "$defs": definitions,
    }
    return Schema("JSON", json.dumps(found))


def _struct(kind: type[msgspec.Struct]) -> inspect.StructType:
    found = inspect.type_info(kind)
    assert isinstance(found, inspect.StructType)
    return found


def _optional(kind: inspect.Type) -> tuple[inspect.Type, bool]:
    """A type without its None, and whether it had one."""
    if not isinstance(kind, inspect.UnionType):
        return kind, False
    [other] = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
    return other, True


def _avro_record(kind: inspect.StructType, name: str, seen: set[str]) -> dict[str, Any]:
    seen.add(name)
    fields = []
    for field in kind.fields:
        inner, optional = _optional(field.type)
        told = _avro(inner, seen)
        found: dict[str, Any] = {
            "name": field.encode_name,
            "type": ["null", told] if optional else told,
        }
        if field.default is not msgspec.NODEFAULT:
            found["default"] = field.default
        fields.append(found)
    return {"type": "record", "name": name, "fields": fields}


def _avro(kind: inspect.Type, seen: set[str]) -> Any:
    if isinstance(kind, inspect.StructType):
        name = kind.cls.__name__
        return name if name in seen else _avro_record(kind, name, seen)
    if isinstance(kind, inspect.ListType):
        return {"type": "array", "items": _avro(kind.item_type, seen)}
    if isinstance(kind, inspect.DictType):
        return {"type": "map", "values": _avro(kind.value_type, seen)}
    return _AVRO[type(kind)]


def _protobuf_message(kind: inspect.StructType, name: str, messages: dict[str, list[str]]) -> None:
    fields = messages[name] = []
    for number, field in enumerate(kind.fields, start=1):
        told = _protobuf(_optional(field.type)[0], messages)
        fields.append(f"{told} {field.encode_name} = {number}")


def _protobuf(kind: inspect.Type, messages: dict[str, list[str]]) -> str:
    if isinstance(kind, inspect.ListType):
        return f"repeated {_protobuf_type(kind.item_type, messages)}"
    if isinstance(kind, inspect.DictType):
        return f"map<string, {_protobuf_type(kind.value_type, messages)}>"
    # Marked optional, a 0 that was written is told from nothing.
    return f"optional {_protobuf_type(kind, messages)}"


def _protobuf_type(kind: inspect.Type, messages: dict[str, list[str]]) -> str:
    if not isinstance(kind, inspect.StructType):
        return _PROTOBUF[type(kind)]
    name = kind.cls.__name__
    if name not in messages:
        _protobuf_message(kind, name, messages)
    return name

"""Avro: values without their schema around them, read by the schema they were written with."""

import io
import json
from collections.abc import Callable
from typing import Any

from streams.formats.extra import needed
from streams.formats.plain import plain
from streams.formats.registry import Schema

# Where none of these stands in a schema, what comes out of the reader is plain already.
_NOT_PLAIN = ('"bytes"', '"fixed"', "logicalType")


def reader(schema: Schema) -> Callable[[bytes], Any]:
    """What decodes values of a schema; it raises anything when one does not fit.

    Raises:
        Exception: The schema is none.
    """
    avro = needed("fastavro")
    parsed = _parsed(schema)
    read = avro.schemaless_reader
    as_it_is = not any(
        mark in text for mark in _NOT_PLAIN for text in (schema.text, *schema.references.values())
    )

    def decode(value: bytes) -> Any:
        data = io.BytesIO(value)
        decoded = read(data, parsed, None)["value"]
        if data.tell() != len(value):
            raise ValueError(f"{len(value) - data.tell()} bytes are left over")
        return decoded if as_it_is else plain(decoded)

    return decode


def writer(schema: Schema) -> Callable[[Any], bytes]:
    """What encodes plain objects by a schema."""
    parsed, write = _parsed(schema), needed("fastavro").schemaless_writer

    def encode(value: Any) -> bytes:
        data = io.BytesIO()
        write(data, parsed, {"value": value})
        return data.getvalue()

    return encode


def _parsed(schema: Schema) -> Any:
    # A record with one field has the bytes of that field. As such a record, a schema of any kind
    # (a union, too, or a single text) takes the named types that it refers to with it.
    avro, named = needed("fastavro"), dict[str, Any]()
    for text in schema.references.values():
        avro.parse_schema(json.loads(text), named_schemas=named)
    fields = [{"name": "value", "type": json.loads(schema.text)}]
    return avro.parse_schema(
        {"type": "record", "name": "journeys_root", "fields": fields}, named_schemas=named
    )

"""Bytes to plain objects: JSON, and whatever a schema registry knows.

Behind a registry a value is framed: a byte 0, the four bytes of its schema's id, the value itself.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Final, Protocol

from models.decoding import decode_json
from models.errors import Reason, RegistryError, Rejected, SettingsError
from streams.formats import avro, protobuf
from streams.formats.registry import Registry, Schema
from streams.settings import Settings

logger = logging.getLogger(__name__)

Decode = Callable[[bytes], Any]

MAGIC: Final = 0
FRAME: Final = 5  # bytes in front of a value
RETRY_SECONDS: Final = (0.5, 30.0)  # the pause after the first failure; the longest one
UNKNOWN_SECONDS: Final = 10.0  # an id that was unknown may be known by then
MAX_REFUSED: Final = 10_000  # ids remembered as unusable: random bytes make a new one each


class ValueDecoder(Protocol):
    """Decodes the values of records."""

    @property
    def waiting(self) -> str:
        """What it waits for, one line for health and log; empty when for nothing."""

    async def prepare(self, values: Iterable[bytes | None]) -> None:
        """Have at hand what these values need; waits while the registry is away.

        Raises:
            SettingsError: What answers is no registry, or it refuses us.
        """

    def decode(self, value: bytes | None) -> Any:
        """A value as plain objects; None for a record without one.

        Args:
            value: As on the wire; `prepare` has seen it.

        Raises:
            Rejected: `NOT_JSON`, `UNKNOWN_SCHEMA`, `BAD_SCHEMA`.
        """


def value_decoder(settings: Settings, format: str) -> ValueDecoder:
    """The decoder of a format.

    Args:
        settings: Where the registry is.
        format: "json", "registry", or "auto": the registry's where a value is framed, else JSON.

    Raises:
        SettingsError: There is no such format, or it needs a registry and none is set.
    """
    if format == "json":
        return JsonValues()
    if format == "registry":
        return RegistryValues(Registry(settings))
    if format == "auto":
        return AutoValues(RegistryValues(Registry(settings)) if settings.registry_url else None)
    raise SettingsError(f"there is no format {format!r}: json, registry or auto")


def is_framed(value: bytes | None) -> bool:
    """Whether a schema's id stands in front of a value; no JSON begins so."""
    return value is not None and len(value) > FRAME and value[0] == MAGIC


def framed(number: int, value: bytes) -> bytes:
    """A value with its schema's id in front."""
    return bytes([MAGIC]) + number.to_bytes(FRAME - 1, "big") + value


class JsonValues:
    """JSON, in UTF-8."""

    waiting = ""

    async def prepare(self, values: Iterable[bytes | None]) -> None:
        """Nothing is needed."""

    def decode(self, value: bytes | None) -> Any:
        """See `ValueDecoder`."""
        return decode_json(value)


class RegistryValues:
    """Framed values: Avro, Protobuf and JSON after the id of a schema.

    A schema never changes under its id, so each is fetched and compiled once.

    Args:
        registry: Where schemas are.
    """

    def __init__(self, registry: Registry) -> None:
        self.waiting = ""
        self._registry = registry
        self._decoders: dict[int, Decode] = {}
        self._refused: dict[int, tuple[float, Rejected]] = {}

    async def prepare(self, values: Iterable[bytes | None]) -> None:
        """See `ValueDecoder`."""
        known = self._decoders
        wanted = {
            number
            for value in values
            if is_framed(value) and (number := _number(value)) not in known  # type: ignore[arg-type]
        }
        for number in sorted(wanted):
            until, _ = self._refused.get(number, (0.0, None))
            if monotonic() >= until:
                await self._learn(number)

    def decode(self, value: bytes | None) -> Any:
        """See `ValueDecoder`."""
        if value is None:
            return None
        if not is_framed(value):
            raise Rejected(Reason.BAD_SCHEMA, "no schema's id (a byte 0, four of id) is in front")
        number = _number(value)
        decoder = self._decoders.get(number)
        if decoder is None:
            raise self._refused[number][1]
        try:
            return decoder(value[FRAME:])
        except Rejected:
            raise
        except Exception as error:  # of any kind: fastavro's and Protobuf's have nothing in common
            detail = f"{type(error).__name__}: {error}"
            raise Rejected(
                Reason.BAD_SCHEMA, f"the value does not fit schema {number}: {detail[:200]}"
            ) from None

    async def _learn(self, number: int) -> None:
        pause = RETRY_SECONDS[0]
        while True:
            try:
                self._decoders[number] = await asyncio.to_thread(self._open, number)
                break
            except Rejected as error:
                if len(self._refused) >= MAX_REFUSED:
                    self._refused.clear()
                self._refused[number] = (monotonic() + UNKNOWN_SECONDS, error)
                break
            except RegistryError as error:
                self.waiting = str(error)
                logger.warning("%s; asking again for schema %d", error, number)
                await asyncio.sleep(random.uniform(pause / 2, pause))
                pause = min(2 * pause, RETRY_SECONDS[1])
        self.waiting = ""

    def _open(self, number: int) -> Decode:
        schema = self._registry.schema(number)
        try:
            return _decoder(schema)
        except (Rejected, SettingsError):
            raise
        except Exception as error:
            detail = " ".join(f"{type(error).__name__}: {error}".split())
            raise Rejected(
                Reason.BAD_SCHEMA, f"schema {number} cannot be used: {detail[:200]}"
            ) from None


class AutoValues:
    """Framed values where they are framed, else JSON.

    Args:
        registry: Decodes the framed ones; None rejects them.
    """

    def __init__(self, registry: RegistryValues | None) -> None:
        self._registry = registry

    @property
    def waiting(self) -> str:
        """See `ValueDecoder`."""
        return self._registry.waiting if self._registry else ""

    async def prepare(self, values: Iterable[bytes | None]) -> None:
        """See `ValueDecoder`."""
        if self._registry is not None:
            await self._registry.prepare(values)

    def decode(self, value: bytes | None) -> Any:
        """See `ValueDecoder`."""
        if not is_framed(value):
            return decode_json(value)
        if self._registry is None:
            raise Rejected(
                Reason.UNKNOWN_SCHEMA,
                "a schema's id is in front, and JOURNEYS_REGISTRY_URL names no registry",
            )
        return self._registry.decode(value)


def _decoder(schema: Schema) -> Decode:
    if schema.kind == "AVRO":
        return avro.reader(schema)
    if schema.kind == "PROTOBUF":
        return protobuf.reader(schema)
    if schema.kind == "JSON":
        return decode_json  # its schema is for those who write: a mapping says itself what it needs
    raise ValueError(f"a schema in a language of its own: {schema.kind}")


def _number(value: bytes) -> int:
    return int.from_bytes(value[1:FRAME], "big")

"""Reads `journey-changes` and `journeys` back, in whatever format they were written."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from models.errors import Reason, Rejected
from models.records import ChangeData, CurrentJourney, encode
from streams.formats.values import is_framed, value_decoder
from streams.settings import Settings

ATTRIBUTE: Final = "ce_"  # what names of headers begin with that are attributes of a CloudEvent


class OutputReader:
    """Decodes what the worker published. For commands: it may block while the registry is away.

    Args:
        settings: Where the registry is, if values are framed.
    """

    def __init__(self, settings: Settings) -> None:
        self._values = value_decoder(settings, "auto")

    def prepare(self, values: Iterable[bytes | None]) -> None:
        """Have at hand what these values need.

        Raises:
            SettingsError: What answers is no registry, or it refuses us.
        """
        if wanted := [value for value in values if is_framed(value)]:
            asyncio.run(self._values.prepare(wanted))

    def change(self, value: bytes, headers: Sequence[tuple[str, bytes | None]]) -> bytes:
        """A change as a CloudEvent in structured JSON mode.

        Args:
            value: Of a record of `journey-changes`; `prepare` has seen it.
            headers: Of that record.

        Raises:
            Rejected: It is none. JSON in structured mode is passed on as it came, not looked at.
        """
        attributes = {
            name.removeprefix(ATTRIBUTE): (text or b"").decode("utf-8", "replace")
            for name, text in headers
            if name.startswith(ATTRIBUTE)
        }
        if is_framed(value):
            data = self._record(value, ChangeData)
        elif attributes:
            data = _json(value)
        else:
            return value
        return encode({**attributes, "datacontenttype": "application/json", "data": data})

    def journey(self, value: bytes) -> CurrentJourney:
        """A record of `journeys`; `prepare` has seen it.

        Raises:
            Rejected: It is none.
        """
        record: CurrentJourney = self._record(value, CurrentJourney)
        return record

    def _record(self, value: bytes, kind: type[msgspec.Struct]) -> Any:
        try:
            return msgspec.convert(self._values.decode(value), kind)
        except msgspec.ValidationError as error:
            raise Rejected(Reason.INVALID, str(error)) from None


def _json(value: bytes) -> msgspec.Raw:
    """JSON as it came."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected(Reason.NOT_JSON, str(error)) from None
    return msgspec.Raw(value)

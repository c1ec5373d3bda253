"""What a mapping reads: one record of theirs, or one row of a file."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class SourceEvent(NamedTuple):
    """One record of theirs.

    Attributes:
        value: Decoded: dict, list, str, number, None.
        key: As it came.
        headers: By name; of several the last, and none that are null.
        topic: Where it came from; empty for a file.
        timestamp: Of the record, epoch ms; -1 when there is none.
    """

    value: Any
    key: bytes | None = None
    headers: Mapping[str, bytes] = {}
    topic: str = ""
    timestamp: int = -1

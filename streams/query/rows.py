"""Records of the topics as rows of the store. Vectors are set apart: nothing else is as long."""

from typing import Any

import msgspec
import numpy as np

from models.decoding import decode_change, decode_user
from models.errors import Reason, Rejected
from models.records import JourneyView, encode
from streams.formats.reading import OutputReader
from streams.formats.writing import ENCODER_HEADER
from streams.query.store import ChangeRow, ErasureRow, JourneyRow, Tombstone


def of_journeys(reader: OutputReader, record: Any) -> JourneyRow | Tombstone:
    """A record of `journeys`; the reader is prepared for it.

    Raises:
        Rejected: It is none.
    """
    if record.value is None:
        journey_id = (record.key or b"").decode(errors="replace").rpartition("/")[2]
        return Tombstone(journey_id, record.partition, record.offset)
    current = reader.journey(record.value)
    view = current.journey
    bare = msgspec.structs.replace(current, journey=_without_vector(view))
    headers = dict(record.headers)
    return JourneyRow(
        journey_id=view.journey_id,
        partition=record.partition,
        offset=record.offset,
        user_id=current.user_id,
        stage=view.stage,
        name=current.name,
        strength=current.strength,
        updated_at=current.updated_at,
        record=encode(bare),
        vector=np.asarray(view.vector, "<f4").tobytes(),
        encoder=(headers.get(ENCODER_HEADER) or b"").decode(errors="replace"),
    )


def of_erasures(_: OutputReader, record: Any) -> ErasureRow:
    """A record of `user-erasures`.

    Raises:
        Rejected: It names nobody.
    """
    user_id = decode_user(record.key)
    return ErasureRow(record.partition, record.offset, record.timestamp, user_id)


def of_changes(reader: OutputReader, record: Any) -> ChangeRow:
    """A record of `journey-changes`; the reader is prepared for it.

    Raises:
        Rejected: It is none.
    """
    if record.value is None:
        raise Rejected(Reason.INVALID, "the value is null")
    change = decode_change(reader.change(record.value, record.headers))
    data = change.data
    if data.journey is not None:
        data = msgspec.structs.replace(data, journey=_without_vector(data.journey))
    return ChangeRow(
        partition=record.partition,
        offset=record.offset,
        appeared_at=record.timestamp,
        id=change.id,
        user_id=data.user_id,
        journey_id=data.journey_id,
        kind=change.kind,
        occurred_at=int(change.time.timestamp() * 1000),
        name=data.name,
        record=encode(data),
    )


def _without_vector(view: JourneyView) -> JourneyView:
    return msgspec.structs.replace(view, vector=[])

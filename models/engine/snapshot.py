"""User state ↔ versioned compact bytes (MessagePack, no pickle), in parts that change singly.

A user is one header, one part per cluster and one per eight of the ids that were counted, so that
an activity rewrites the header and one cluster and not the user's whole past. The keys sort a
user's parts together:

    header   user id in UTF-8
    cluster  user id in UTF-8, 0xFF (no byte of UTF-8), cluster number as 4 bytes big endian
    ids      user id in UTF-8, 0xFF 0xFF, chunk number as 4 bytes big endian

The parts of one dump belong together: they must be stored all or none.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from models.engine.compact import packed, unpacked
from models.engine.engine import Engine
from models.engine.exemplars import CLOSENESS
from models.engine.params import FADING_HALF_LIFE_MS
from models.engine.users import Cluster, UserState
from models.errors import SnapshotError

VERSION: Final = 4
WEIGHED_APART: Final = 3  # from that version on a mass is a count
CLOSER: Final = 4  # from that version on an exemplar's similarity is weighed by CLOSENESS
READ: Final = (2, 3, 4)
_MARK: Final = b"\xff"


class _Versioned(msgspec.Struct, array_like=True, gc=False):
    version: int


class _Header(_Versioned, array_like=True, gc=False):
    due: int | None
    latest: int
    given: int
    applied: dict[int, int]
    numbers: list[int]
    ids: tuple[int, int, bytes] = (0, 0, b"")  # number of the first chunk, how many, the rest
    salt: int | None = None


class _Ids(_Versioned, array_like=True, gc=False):
    window: int
    hashes: bytes


class _Part(_Versioned, array_like=True, gc=False):
    cluster: Cluster
    mean: bytes
    mass: float
    touched: float
    weight: float | None = None  # None: as the mass, since all weights were 1


_Read = TypeVar("_Read", bound=_Versioned)

_encode = msgspec.msgpack.Encoder().encode
_headers = msgspec.msgpack.Decoder(_Header)
_parts = msgspec.msgpack.Decoder(_Part)
_ids = msgspec.msgpack.Decoder(_Ids)


def _key(user: bytes, number: int) -> bytes:
    return user + _MARK + number.to_bytes(4, "big")


def _ids_key(user: bytes, number: int) -> bytes:
    return user + _MARK + _MARK + number.to_bytes(4, "big")


def is_header(key: bytes) -> bool:
    """Whether a part's key is a user's header; its bytes are then the user id."""
    return _MARK not in key


def due_of(header: bytes) -> tuple[int, int | None]:
    """Latest event time and due watermark (both epoch ms) of a header, clusters unread."""
    read = _read(_headers, header)
    return read.latest, read.due


def dump(user: UserState) -> list[tuple[bytes, bytes | None]]:
    """The parts that changed since the last dump, None for those that went, header last.

    The user's marks of change are cleared. The header holds the watermark that the user waits for,
    so that the index of due users can be rebuilt without reading clusters.
    """
    name = user.user_id.encode()
    parts: list[tuple[bytes, bytes | None]] = [
        (_key(name, number), None) for number in sorted(user.removed)
    ]
    if user.dirty:
        parts += [
            (_key(name, cluster.number), _encode(_part(user, row)))
            for row, cluster in enumerate(user.clusters)
            if cluster.number in user.dirty
        ]
    counted = user.counted
    chunks = counted.chunks()
    parts += [(_ids_key(name, number), None) for number in counted.dropped]
    for number in range(counted.stored, chunks.stop):
        window, hashes = counted.chunk(number)
        parts.append((_ids_key(name, number), _encode(_Ids(VERSION, window, hashes))))
    header = _Header(
        VERSION,
        user.due,
        user.latest,
        user.given,
        user.applied,
        [cluster.number for cluster in user.clusters],
        (chunks.start, len(chunks), counted.rest()),
        user.salt,
    )
    parts.append((name, _encode(header)))
    counted.stored = chunks.stop
    counted.dropped.clear()
    user.dirty.clear()
    user.removed.clear()
    return parts


def _part(user: UserState, row: int) -> _Part:
    numbers = user.numbers
    mass, weight = float(numbers.mass[row]), float(numbers.weight[row])
    return _Part(
        VERSION,
        user.clusters[row],
        packed(numbers.means[row]),
        mass,
        float(numbers.touched[row]),
        None if weight == mass else weight,
    )


def load(
    engine: Engine, user_id: str, get: Callable[[bytes], bytes | None], salt: int | None = None
) -> UserState:
    """A user as last dumped; a new one when there is no header.

    Args:
        engine: Makes the user when there is none.
        user_id: Whose state.
        get: The stored part under a key, None when there is none.
        salt: Of a new user; one that is stored keeps theirs.

    Raises:
        SnapshotError: When the bytes are broken, of another version, or a part is missing.
    """
    name = user_id.encode()
    raw = get(name)
    if raw is None:
        return engine.new_user(user_id, salt)
    header = _read(_headers, raw)
    user = engine.new_user(user_id, header.salt)
    user.latest, user.given, user.due = header.latest, header.given, header.due
    user.applied = header.applied
    first, chunks, rest = header.ids
    stored = [
        _read(_ids, _found(get, _ids_key(name, number), f"chunk {number} of its ids", user_id))
        for number in range(first, first + chunks)
    ]
    user.counted.restore(first, [(chunk.window, chunk.hashes) for chunk in stored], rest)
    for number in header.numbers:
        read = _read(_parts, _found(get, _key(name, number), f"cluster {number}", user_id))
        mean = unpacked(read.mean)
        if user.clusters and len(mean) != user.numbers.dimensions:
            raise SnapshotError(f"state of user {user_id!r}: vectors of several sizes")
        mass = read.mass
        if read.version < WEIGHED_APART:
            mass = min(mass, float(read.cluster.count))  # it was a sum of weights
        if read.version < CLOSER:
            for item in read.cluster.exemplars:
                age = item.occurred_at / FADING_HALF_LIFE_MS
                item.score = CLOSENESS * (item.score - age) + age
        user.open(read.cluster, mean, mass, read.touched, read.weight)
    user.dirty.clear()
    return user


def _found(get: Callable[[bytes], bytes | None], key: bytes, what: str, user_id: str) -> bytes:
    part = get(key)
    if part is None:
        raise SnapshotError(f"state of user {user_id!r}: {what} is missing")
    return part


def _read(decoder: msgspec.msgpack.Decoder[_Read], raw: bytes) -> _Read:
    try:
        read = decoder.decode(raw)
    except (msgspec.DecodeError, ValueError) as error:
        raise SnapshotError(f"stored state cannot be read: {error}") from None
    if read.version not in READ:
        known = " and ".join(map(str, READ))
        raise SnapshotError(f"stored state has version {read.version}, known: {known}")
    return read

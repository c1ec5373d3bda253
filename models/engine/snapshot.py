"""User state ↔ versioned compact bytes (MessagePack, no pickle), in parts that change singly.

A user is one header, one part per cluster and one per eight of the ids that were counted, so that
an activity rewrites the header and one cluster and not the user's whole past. The keys sort a
user's parts together:

    header   user id in UTF-8
    cluster  user id in UTF-8, 0xFF (no byte of UTF-8), cluster number as 4 bytes big endian
    ids      user id in UTF-8, 0xFF 0xFF, chunk number as 4 bytes big endian

The parts of one dump belong together: they must be stored all or none. Where they are too many for
one stroke (a hundred journeys with long titles fall dormant together), `apart` gives them other
keys: a cluster's ends in a version then, 4 bytes big endian, and the header says which counts.
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
APART: Final = 5  # of a header that says where clusters lie; those before would not look there
READ: Final = (2, 3, 4, APART)
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
    versions: dict[int, int] = {}
    themes: int = 0
    behind: int | None = None


class _Ids(_Versioned, array_like=True, gc=False):
    window: int
    hashes: bytes


class _Part(_Versioned, array_like=True, gc=False):
    cluster: Cluster
    mean: bytes
    mass: float
    touched: float
    weight: float | None = None  # None: as the mass, since all weights were 1


Part = tuple[bytes, bytes | None]  # key and value, None to delete
_Read = TypeVar("_Read", bound=_Versioned)

_encode = msgspec.msgpack.Encoder().encode
_headers = msgspec.msgpack.Decoder(_Header)
_parts = msgspec.msgpack.Decoder(_Part)
_ids = msgspec.msgpack.Decoder(_Ids)


def _key(user: bytes, number: int, version: int | None = None) -> bytes:
    key = user + _MARK + number.to_bytes(4, "big")
    return key if version is None else key + version.to_bytes(4, "big")


def _ids_key(user: bytes, number: int) -> bytes:
    return user + _MARK + _MARK + number.to_bytes(4, "big")


def is_header(key: bytes) -> bool:
    """Whether a part's key is a user's header; its bytes are then the user id."""
    return _MARK not in key


def due_of(header: bytes) -> tuple[int | None, int | None]:
    """`UserState.due` and `UserState.behind` of a header, clusters unread."""
    read = _read(_headers, header)
    return read.due, read.behind


def dump(user: UserState) -> list[Part]:
    """The parts that changed since the last dump, None for those that went, header last.

    The user's marks of change are cleared. The header holds the watermark that the user waits for,
    so that the index of due users can be rebuilt without reading clusters.
    """
    name, versions = user.user_id.encode(), user.versions
    parts: list[Part] = [
        (_key(name, number, versions.pop(number, None)), None) for number in sorted(user.removed)
    ]
    if user.dirty:
        parts += [
            (_key(name, cluster.number, versions.get(cluster.number)), _encode(_part(user, row)))
            for row, cluster in enumerate(user.clusters)
            if cluster.number in user.dirty
        ]
    counted = user.counted
    chunks = counted.chunks()
    parts += [(_ids_key(name, number), None) for number in counted.dropped]
    for number in range(counted.stored, chunks.stop):
        window, hashes = counted.chunk(number)
        parts.append((_ids_key(name, number), _encode(_Ids(VERSION, window, hashes))))
    parts.append((name, _header(user)))
    counted.stored = chunks.stop
    counted.dropped.clear()
    user.dirty.clear()
    user.removed.clear()
    return parts


def whole(user: UserState) -> list[Part]:
    """All parts of a user, as if none had been stored before; the user's marks are cleared."""
    user.dirty.update(cluster.number for cluster in user.clusters)
    user.removed.clear()
    user.versions.clear()
    user.counted.dropped.clear()
    user.counted.stored = user.counted.first
    return dump(user)


def apart(user: UserState, dumped: list[Part]) -> tuple[list[Part], Part, list[Part]]:
    """A dump for who cannot store it in one stroke; still, all of it counts or none.

    Args:
        user: Whose; nothing may have changed since.
        dumped: What `dump` gave.

    Returns:
        Parts that count for nothing until the header is stored; the header; what may be deleted
        once it is.
    """
    name = user.user_id.encode()
    before: list[Part] = []
    after: list[Part] = []
    for key, value in dumped[:-1]:
        ending = key[len(name) + 1 :]
        if value is None:
            after.append((key, None))
        elif ending.startswith(_MARK):  # ids: no header has named that chunk yet
            before.append((key, value))
        else:
            number = int.from_bytes(ending[:4], "big")
            version = user.versions[number] = user.versions.get(number, -1) + 1
            before.append((_key(name, number, version), value))
            after.append((key, None))
    return before, (name, _header(user)), after


def _header(user: UserState) -> bytes:
    chunks = user.counted.chunks()
    return _encode(
        _Header(
            APART if user.versions else VERSION,
            user.due,
            user.latest,
            user.given,
            user.applied,
            [cluster.number for cluster in user.clusters],
            (chunks.start, len(chunks), user.counted.rest()),
            user.salt,
            user.versions,
            user.themes,
            user.behind,
        )
    )


def _part(user: UserState, row: int) -> _Part:
    numbers = user.numbers
    mass, weight = float(numbers.mass[row]), float(numbers.weight[row])
    return _Part(
        VERSION,
        user.clusters[row],
        packed(numbers.levels[row], numbers.step(row)),
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
    try:
        return _loaded(engine, user_id, get, header)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # Of the right form and broken all the same: numbers out of range, a vector without parts.
        what = f"{type(error).__name__}: {error}"
        raise SnapshotError(f"state of user {user_id!r} cannot be read: {what}") from None


def _loaded(
    engine: Engine, user_id: str, get: Callable[[bytes], bytes | None], header: _Header
) -> UserState:
    name = user_id.encode()
    user = engine.new_user(user_id, header.salt)
    user.latest, user.given, user.due = header.latest, header.given, header.due
    user.applied, user.versions = header.applied, header.versions
    user.themes, user.behind = header.themes, header.behind
    first, chunks, rest = header.ids
    stored = [
        _read(_ids, _found(get, _ids_key(name, number), f"chunk {number} of its ids", user_id))
        for number in range(first, first + chunks)
    ]
    user.counted.restore(first, [(chunk.window, chunk.hashes) for chunk in stored], rest)
    versions = user.versions
    parts = [
        _read(
            _parts,
            _found(get, _key(name, number, versions.get(number)), f"cluster {number}", user_id),
        )
        for number in header.numbers
    ]
    if parts:
        _restore(user, parts)
    return user


def _restore(user: UserState, parts: list[_Part]) -> None:
    for part in parts:
        if part.version < WEIGHED_APART:
            part.mass = min(part.mass, float(part.cluster.count))  # it was a sum of weights
        if part.version < CLOSER:
            for item in part.cluster.exemplars:
                age = item.occurred_at / FADING_HALF_LIFE_MS
                item.score = CLOSENESS * (item.score - age) + age
    means = [part.mean for part in parts]
    if len(set(map(len, means))) > 1 or not means[0]:
        raise SnapshotError(f"state of user {user.user_id!r}: vectors of several sizes, or none")
    user.restore(
        [part.cluster for part in parts],
        *unpacked(means),
        [part.mass for part in parts],
        [part.touched for part in parts],
        [part.mass if part.weight is None else part.weight for part in parts],
    )


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

"""The users of one partition: in memory, in the local store, on the changelog.

Truth is the changelog. All parts of a user that a batch changed go into one record batch, which the
broker stores all or not at all; once it is acknowledged they are set in the local store. Where they
are too large for one, they go before the user's header, under keys that it alone gives a meaning.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka.errors import ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from models.engine import snapshot
from models.engine.due import DueUsers
from models.engine.engine import Engine
from models.engine.snapshot import Part
from models.engine.users import UserState
from models.errors import InDoubtError, JourneysError, SnapshotError, StateTooLargeError
from streams.kafka.partitioning import away_from_home
from streams.kafka.producers import PartitionProducers, fill
from streams.kafka.sending import Headers
from streams.state.binding import BOUND_KEY, Binding, check
from streams.state.lives import ERASED_KEY, Erased, Erasure, Life, life_key
from streams.state.store import Parts

MARK_KEY: Final = b"\xff"  # no user's key: those begin with a byte of UTF-8
MARK_VERSION: Final = 1

# Below the default limits of a record batch: the broker's (1 MiB), the producer's (`worker.app`).
BATCH_BYTES: Final = 880_000
RECORD_BYTES: Final = 48  # what a record has around key and value, at most
MARK_BYTES: Final = 4 * RECORD_BYTES


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How far a partition's activities have come.

    Attributes:
        version: Of this form.
        offset: Of the last record that was handled, applied or rejected; -1 before the first.
        watermark: Latest event time among the activities, epoch ms; -1 before the first.
        stamp: Latest record time among them: when it came, epoch ms; -1 likewise.
    """

    version: int = MARK_VERSION
    offset: int = -1
    watermark: int = -1
    stamp: int = -1


class Time(NamedTuple):
    """How far a partition has come, epoch ms.

    Attributes:
        watermark: Event time.
        arrival: Record time: when the latest of its records came.
    """

    watermark: int
    arrival: int


class Packed(NamedTuple):
    """One record batch.

    Attributes:
        batch: For the changelog.
        parts: What it does to the local store.
        waits: It is sent when all before it are acknowledged: a broker may refuse one for good and
            take the next.
    """

    batch: BatchBuilder
    parts: list[Part]
    waits: bool


class Partition:
    """One partition's users; whoever reads one and writes it holds `lock` in between.

    Args:
        number: Of the partition.
        parts: Its local store, recovered.
        engine: Makes new users.
        partitions: How many there are.
        binding: What this worker makes state with.
        met: Told of each user who is read into memory.

    Attributes:
        capacity: Decoded users kept in memory between batches.
        erased: How far its erasures have come.
        silent: Of users in memory who were erased, until when (record time, epoch ms): what came
            by then is not theirs any more.
        lost: What is stored is not what is known here, or may not be: to write anything on top of
            that would mix states of two moments. Only a new object, recovered, may go on.

    Raises:
        SettingsError: What is stored was made with something else.
        SnapshotError: What is stored cannot be read.
    """

    def __init__(
        self,
        number: int,
        parts: Parts,
        engine: Engine,
        partitions: int,
        binding: Binding,
        met: Callable[[int, bytes], None] = lambda number, key: None,
    ) -> None:
        self.number = number
        self._partitions = partitions
        self._met = met
        self.lock = asyncio.Lock()
        self.lost = False
        self.capacity = 0
        erased = parts.get(ERASED_KEY)
        self.erased = Erased() if erased is None else Erased.read(erased)
        self.silent: dict[str, int] = {}
        mark = parts.get(MARK_KEY)
        self.mark = mark_of(mark)
        empty = mark is None and next(parts.headers(), None) is None
        self._bound = check(parts, number, binding, empty=empty)
        self._binding = binding
        self._parts = parts
        self._written = parts.offset
        self._engine = engine
        self._users: dict[str, UserState] = {}  # the least recently used first
        self._due = DueUsers()

    def resume(self, parts: Parts) -> bool:
        """Whether this object is still true after a rebalance; it goes on if so.

        It is when nobody has written since: the one record since then is that by which this worker
        took the partition again.

        Args:
            parts: The partition's store, recovered.
        """
        same = (
            not self.lost
            and parts is self._parts
            and self._written is not None
            and parts.offset == self._written + 1
        )
        self._written = parts.offset
        return same

    async def index(self) -> None:
        """Learn from the store which user waits for which watermark."""
        due_by_user: dict[str, int] = {}
        late: dict[str, tuple[int, int]] = {}
        for count, (key, value) in enumerate(self._parts.headers()):
            due, behind = snapshot.due_of(value)
            if due is not None and behind is not None:
                late[key.decode()] = due, behind
            elif due is not None:
                due_by_user[key.decode()] = due
            if count % 500 == 499:
                await asyncio.sleep(0)
        self._due = DueUsers(due_by_user)
        for user_id, (due, behind) in late.items():
            self._due.set(user_id, due, self._engine.held(behind))

    def user(self, user_id: str) -> UserState:
        """A user's state, a new one if there is none.

        Raises:
            SnapshotError: What is stored cannot be read.
        """
        user = self._users.pop(user_id, None)
        if user is None:
            key = user_id.encode()
            self._met(self.number, key)
            salt = away_from_home(key, self.number, self._partitions)
            if (life := self.life(user_id)) is not None:
                salt = life.salt(self.number)
                self.silent[user_id] = life.began_at
            user = snapshot.load(self._engine, user_id, self._parts.get, salt)
        self._users[user_id] = user
        return user

    def life(self, user_id: str) -> Life | None:
        """The life that a user has after an erasure; None without one."""
        if self.erased.offset < 0 and self.erased.time < 0:  # moved ones have a time only
            return None
        raw = self._parts.get(life_key(user_id))
        return None if raw is None else Life.read(raw)

    def forget(self) -> None:
        """Drop all decoded users: some may be ahead of what is stored."""
        self._users.clear()
        self.silent.clear()

    def due(self, time: Time, limit: int) -> list[str]:
        """Up to `limit` users whom the passing of time changes, longest due first.

        They are due again at the next call unless they were appended in between.
        """
        return self._due.at(*time, limit)

    def pack(
        self,
        producers: PartitionProducers,
        users: Iterable[UserState],
        mark: Mark | None,
        erasures: Iterable[Erasure] = (),
        erased: Erased | None = None,
    ) -> list[Packed]:
        """What must be appended for these users.

        Args:
            producers: Makes the record batches.
            users: Their marks of change are cleared: on any failure from here on, `forget`.
            mark: Goes with the last batch; None when it has not moved.
            erasures: Users of whom nothing is to be left.
            erased: Goes with the last batch; None when it has not moved.

        Raises:
            StateTooLargeError: One part alone is too large; what makes up a user is bounded, so
                that none is (`models.activities`, `models.decoding`).
        """
        token = producers.token(self.number)
        packing = _Packing(producers.state_batch, token)
        for user in users:
            parts = snapshot.dump(user)
            if (size := _size(parts)) <= BATCH_BYTES:
                packing.put(parts, size)
            else:
                packing.put_apart(*snapshot.apart(user, parts))
        for user, life in erasures:
            name = user.user_id.encode()
            first: list[Part] = [(life_key(user.user_id), life.encoded()), (name, None)]
            packing.put_erased(
                first, [(key, None) for key in self._parts.of_user(name) if key != name]
            )
        if mark is not None:
            packing.put([(MARK_KEY, msgspec.msgpack.encode(mark))], MARK_BYTES)
        if erased is not None:
            packing.put([(ERASED_KEY, erased.encoded())], MARK_BYTES)
        packed = packing.packed
        if packed:  # the mark says that all before it is stored
            packed[-1] = packed[-1]._replace(waits=True)
            if not self._bound:  # in the first: no state must come before it
                _fill(packed[0], [(BOUND_KEY, self._binding.encoded())], token)
        return packed

    async def append(
        self,
        producers: PartitionProducers,
        packed: Sequence[Packed],
        users: Iterable[UserState],
        mark: Mark | None,
        erasures: Iterable[Erasure] = (),
        erased: Erased | None = None,
    ) -> int:
        """Write what was packed: to the changelog, acknowledged, then to the local store.

        Unless all of it is done, however it ends, the partition is `lost`.

        Returns:
            Bytes written to the changelog.

        Raises:
            InDoubtError: Not all was acknowledged; it may be stored all the same. Or somebody else
                has written in between.
            ProducerFenced: Another worker has taken the partition.
            RecordTooLargeError: The changelog takes nothing of that size.
            StoreError: It is on the changelog, and cannot be written to the local store.
            DamagedError: The same, since that is damaged.
        """
        self.lost = True
        try:
            offsets = await self._send(producers, packed)
        except (ProducerFenced, JourneysError):
            raise
        except Exception as error:  # the client's, or the network's
            raise InDoubtError(f"its state was not acknowledged: {error!r}") from error
        written = self._written
        for offset, each in zip(offsets, packed, strict=True):
            if written is not None and offset - each.batch.record_count() != written:
                raise InDoubtError("another worker has written its state, too")
            written = offset
        for offset, each in zip(offsets, packed, strict=True):
            self._parts.write(each.parts, offset)
        self._written = self._parts.offset
        self._bound = True
        for user in users:
            self._due.set(user.user_id, user.due, self._engine.held(user.behind))
        for user, _ in erasures:
            self._due.set(user.user_id, None)
            self._users.pop(user.user_id, None)
            self.silent.pop(user.user_id, None)
        if mark is not None:
            self.mark = mark
        if erased is not None:
            self.erased = erased
        for user_id in list(self._users)[: max(0, len(self._users) - self.capacity)]:
            del self._users[user_id]
        self.lost = False
        return sum(each.batch.size() for each in packed)

    async def _send(self, producers: PartitionProducers, packed: Sequence[Packed]) -> list[int]:
        offsets: list[int] = []
        sent: list[Awaitable[int]] = []
        for each in packed:
            if each.waits:
                offsets += await asyncio.gather(*sent)
                sent = []
            sent.append(
                await producers.append(self.number, producers.changelog, self.number, each.batch)
            )
        return offsets + await asyncio.gather(*sent)


class _Packing:
    """Record batches that fill up.

    Args:
        batch: Makes an empty one.
        token: Headers of each record: who writes.
    """

    def __init__(self, batch: Callable[[], BatchBuilder], token: Headers) -> None:
        self.packed: list[Packed] = []
        self._batch = batch
        self._token = token
        self._room = 0
        self._waits = False

    def put(self, parts: Sequence[Part], size: int) -> None:
        """Put parts of so many bytes into one record batch."""
        if size > self._room:
            if size > BATCH_BYTES:
                raise StateTooLargeError(f"{size} bytes of state under key {parts[0][0]!r}")
            self._begin()
        self._room -= size
        _fill(self.packed[-1], parts, self._token)

    def put_apart(self, before: Iterable[Part], header: Part, after: Iterable[Part]) -> None:
        """Put parts of a user into several; from the header on, each waits for those before it."""
        for part in before:
            self.put([part], _size([part]))
        self._waits = True
        self._begin()
        for part in (header, *after):
            self.put([part], _size([part]))

    def put_erased(self, first: Sequence[Part], rest: Sequence[Part]) -> None:
        """Put what erases a user: in one record batch, or else the header goes before the rest."""
        if (size := _size([*first, *rest])) <= BATCH_BYTES:
            self.put([*first, *rest], size)
        else:
            self.put_apart(first[:-1], first[-1], rest)

    def _begin(self) -> None:
        self.packed.append(Packed(self._batch(), [], self._waits))
        self._room = BATCH_BYTES


def _size(parts: Sequence[Part]) -> int:
    size = 0
    for key, value in parts:
        size += len(key) + len(value or b"") + RECORD_BYTES
    return size


def _fill(packed: Packed, parts: Sequence[Part], token: Headers) -> None:
    if not fill(packed.batch, parts, token):
        raise StateTooLargeError("a record batch is smaller than expected")
    packed.parts.extend(parts)


def mark_of(raw: bytes | None) -> Mark:
    """A stored mark; that of an empty partition where there is none.

    Raises:
        SnapshotError: It cannot be read.
    """
    if raw is None:
        return Mark()
    try:
        mark = msgspec.msgpack.decode(raw, type=Mark)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"stored mark cannot be read: {error}") from None
    if mark.version != MARK_VERSION:
        raise SnapshotError(f"stored mark has version {mark.version}, known: {MARK_VERSION}")
    return mark

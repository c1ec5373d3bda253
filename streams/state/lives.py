"""What the state keeps of a user who was erased: a hash, and when.

A life after an erasure must bear other ids than the one before it, and activities that the broker
got before the erasure must not bring the user back, however late they are read. For this a record
stays under eight bytes of a hash of the user's id; neither that nor anything of the life is in it.
"""

from hashlib import blake2b
from typing import Final, NamedTuple, Self

import msgspec

from models.engine.lives import salt_of
from models.engine.users import UserState
from models.errors import SnapshotError

# No user's keys: those begin with a byte of UTF-8.
ERASED_KEY: Final = b"\xff\xfd"
_LIFE: Final = b"\xff\xfc"
VERSION: Final = 1


class _Stored(msgspec.Struct, array_like=True, frozen=True, kw_only=True, gc=False):
    version: int = VERSION

    def encoded(self) -> bytes:
        """As it is stored."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """What was stored.

        Raises:
            SnapshotError: It cannot be read.
        """
        try:
            stored = msgspec.msgpack.decode(raw, type=cls)
        except msgspec.DecodeError as error:
            raise SnapshotError(f"what is stored of erasures cannot be read: {error}") from None
        if stored.version != VERSION:
            raise SnapshotError(f"erasures have version {stored.version}, known: {VERSION}")
        return stored


class Life(_Stored, array_like=True, frozen=True, gc=False):
    """When a user's last erasure was.

    Attributes:
        began_at: Time of its record, epoch ms, 1 at least; a later one's is later, whatever clocks
            say.
    """

    began_at: int

    def salt(self, partition: int) -> int:
        """Of the life that began then."""
        return salt_of(self.began_at, partition)


class Erased(_Stored, array_like=True, frozen=True, gc=False):
    """How far a partition's erasures have come.

    Attributes:
        offset: Of the last record that was handled; -1 before the first.
        time: The latest record's, epoch ms. An offset that was handled and comes with a later one
            is another record: the topic was made anew.
    """

    offset: int = -1
    time: int = -1


class Erasure(NamedTuple):
    """One user to erase: all that is known of them, and the life that begins."""

    user: UserState
    life: Life


def is_life(key: bytes) -> bool:
    """Whether a life is kept under a key."""
    return key.startswith(_LIFE)


def life_key(user_id: str) -> bytes:
    """Where a user's life is kept."""
    return _LIFE + blake2b(user_id.encode(), digest_size=8, person=b"erased").digest()

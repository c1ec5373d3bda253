"""What gives stored state its meaning, recorded with it: whoever reads it must agree.

Centroids are points in an encoder's space, and a history counts windows of one length: by another
encoder or other windows, the same bytes say something else. Everything else that can be set decides
over what comes and may change over live state.
"""

from typing import Final

import msgspec

from models.engine.params import DAY_MS
from models.errors import SettingsError, SnapshotError
from streams.state.store import Parts

BOUND_KEY: Final = b"\xff\xfe"  # no user's key: those begin with a byte of UTF-8
VERSION: Final = 1


class Binding(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What state was made with.

    Attributes:
        encoder: `name@version`.
        window_ms: Length of a window.
        version: Of this form.
    """

    encoder: str
    window_ms: int
    version: int = VERSION

    def encoded(self) -> bytes:
        """As it is stored."""
        return msgspec.msgpack.encode(self)


# What state was made with while it did not say so.
UNRECORDED: Final = Binding("journeys-static@2.0.0", 7 * DAY_MS)


def check(parts: Parts, number: int, ours: Binding, *, empty: bool) -> bool:
    """Make sure that a partition's state means here what it meant where it was made.

    Args:
        parts: The partition's store, recovered.
        number: Of the partition.
        ours: What this worker makes state with.
        empty: Whether there is no state yet.

    Returns:
        Whether it is recorded.

    Raises:
        SettingsError: It was made with something else.
        SnapshotError: What is recorded cannot be read.
    """
    raw = parts.get(BOUND_KEY)
    if raw is None and empty:
        return False
    theirs = bound(raw)
    wrong, mend = [], []
    if theirs.encoder != ours.encoder:
        wrong.append(f"encoder {theirs.encoder}, not {ours.encoder}")
        mend.append(f"{theirs.encoder} by JOURNEYS_ENCODER")
    if theirs.window_ms != ours.window_ms:
        days, now = theirs.window_ms / DAY_MS, ours.window_ms / DAY_MS
        wrong.append(f"windows of {days:g} days, not {now:g}")
        mend.append(f"JOURNEYS_WINDOW_DAYS={days:g}")
    if wrong:
        one = theirs.window_ms == ours.window_ms
        move = ", and take its state along (`journeys state`)" if one else ""
        raise SettingsError(
            f"the state of partition {number} was made with {' and '.join(wrong)}: go on with "
            f"{' and '.join(mend)}, or start with a fresh JOURNEYS_GROUP{move}"
        )
    return raw is not None


def bound(raw: bytes | None) -> Binding:
    """What state was made with, of what is recorded.

    Raises:
        SnapshotError: It cannot be read.
    """
    if raw is None:
        return UNRECORDED
    try:
        binding = msgspec.msgpack.decode(raw, type=Binding)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"what state was made with cannot be read: {error}") from None
    if binding.version != VERSION:
        raise SnapshotError(f"state is bound by version {binding.version}, known: {VERSION}")
    return binding

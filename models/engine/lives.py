"""Whose ids a user's clusters and journeys bear: those of a life.

A user has one life, and one more with each erasure. A life after an erasure begins at a time, which
goes into its ids, so that none of them was ever an earlier life's.
"""

from hashlib import blake2b
from typing import Final

_PARTITIONS: Final = 1 << 14  # more than there can be


def salt_of(began_at: int, partition: int) -> int:
    """The salt of a life after an erasure.

    Args:
        began_at: Time of the erasure's record, epoch ms; after that of the one before it.
        partition: On which the user lives: on another, they have another life.
    """
    return began_at * _PARTITIONS + partition


def prefix_of(user_id: str, salt: int | None) -> str:
    """What the ids of a user's clusters, journeys and themes begin with; unique over users.

    Args:
        user_id: Whose.
        salt: None; the partition of a user whose records lie on another than we would put them to;
            or `salt_of` a life.
    """
    began_at, partition = divmod(salt or 0, _PARTITIONS)
    return blake2b(
        user_id.encode(),
        digest_size=8,
        salt=b"" if salt is None else b"%d" % partition,
        person=b"%d" % began_at if began_at else b"",
    ).hexdigest()

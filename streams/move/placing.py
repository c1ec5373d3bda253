"""Where moved users go: to the partition on which their producers will put their next activity."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from models.errors import SettingsError
from streams.kafka.partitioning import PARTITIONERS, Partitioner, partition_of


class Placed(NamedTuple):
    """A user, and the partition they were on."""

    user_id: str
    partition: int


def partitioner_of(users: Iterable[Placed], partitions: int, named: str | None) -> Partitioner:
    """The rule by which a producer put all of these users where they are.

    Args:
        users: All of them.
        partitions: How many there were.
        named: A rule of `PARTITIONERS` that is to be taken without a look.

    Raises:
        SettingsError: No rule did.
    """
    if named is not None:
        return PARTITIONERS[named]
    fits = dict(PARTITIONERS)
    for user in users:
        key = user.user_id.encode()
        fits = {
            name: rule for name, rule in fits.items() if rule(key, partitions) == user.partition
        }
        if not fits:
            raise SettingsError(
                f"no partitioner puts all users where they are (user {user.user_id!r} is on "
                f"partition {user.partition} of {partitions}): say by --partitioner which rule "
                "your producer follows from now on"
            )
    return next(iter(fits.values()), partition_of)


def places(users: Iterable[Placed], rule: Partitioner, partitions: int) -> Mapping[Placed, int]:
    """The partition that each user goes to.

    Raises:
        SettingsError: Two states of one user would lie on one.
    """
    to: dict[Placed, int] = {}
    taken: dict[str, int] = {}
    for user in users:
        if (other := taken.setdefault(user.user_id, user.partition)) != user.partition:
            raise SettingsError(
                f"user {user.user_id!r} has state on partitions {other} and {user.partition}, "
                "since producers did not agree: it cannot be made one; keep the number of "
                "partitions, or erase the user first (`journeys erase`)"
            )
        to[user] = rule(user.user_id.encode(), partitions)
    return to

"""The service of users' rows as a process, and the rows that it must come to."""

from collections.abc import Iterable
from typing import Any

import msgspec

from models.records import CurrentJourney, encode
from models.user_journeys import line_of, row_of
from streams.kafka.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topics
from tests.support.workers import WorkerProcess, read

_current = msgspec.json.Decoder(CurrentJourney)


class UsersProcess(WorkerProcess):
    """`journeys users` in a process of its own, with its own port."""

    command = "users"


def fold(journeys: Iterable[CurrentJourney]) -> dict[str, bytes]:
    """Each user's row, of how each of their journeys stands now."""
    users: dict[str, list[Any]] = {}
    for one in journeys:
        lines = users.setdefault(one.user_id, [])
        if (line := line_of(one)) is not None:
            lines.append((one.updated_at, line))
    rows = {user_id: row_of(user_id, lines) for user_id, lines in users.items()}
    return {user_id: encode(row) for user_id, row in rows.items() if row is not None}


def wanted(settings: Settings) -> dict[str, bytes]:
    """The rows that `journeys`, as it lies there, is to come to."""
    last = {one.key: one.value for one in read(settings, Topics.of(settings).journeys)}
    return fold(_current.decode(value) for value in last.values() if value is not None)


def standing(settings: Settings) -> dict[str, bytes]:
    """The rows that stand on `user-journeys`; each lies on its user's partition."""
    rows: dict[str, bytes | None] = {}
    for one in read(settings, Topics.of(settings).user_journeys):
        assert one.partition == partition_of(one.key, settings.partitions)
        rows[one.key.decode()] = one.value
    return {user_id: row for user_id, row in rows.items() if row is not None}

"""Where the new group goes on in its activities, so that none is applied twice or lost.

- **The same topic, as many partitions**: where the old group stopped, to the record.
- **The same topic, partitions added**: all that lay on the old ones must have been applied. It
  goes on behind that, and reads the added ones from their beginning.
- **Another topic**: an offset of the old one says nothing about it. All of the old one must have
  been applied, and the new one may hold only what comes after (`beginning`, as an empty one does)
  or only what came before (`end`, a mirror that is complete). A mixture cannot be told apart.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from models.errors import SettingsError
from streams.kafka import admin
from streams.kafka.reading import ends_of
from streams.move.exporting import waiting
from streams.move.file import Header
from streams.settings import Settings
from streams.topics import Topics

Begin = Literal["beginning", "end"]


class Start(NamedTuple):
    """Where to go on.

    Attributes:
        same: Users stay where they are, and so does all that is known of offsets.
        activities: By partition: the first offset that is not applied.
        erasures: Likewise.
    """

    same: bool
    activities: dict[int, int]
    erasures: dict[int, int]


def start_of(settings: Settings, header: Header, begin: Begin | None) -> Start:
    """Where a group goes on with state of a file.

    Raises:
        BrokerError: The broker does not answer.
        SettingsError: It cannot be right.
    """
    topics = Topics.of(settings)
    ends = ends_of(settings, topics.activities)
    erasures = ends_of(settings, topics.erasures)
    applied = [source.mark.offset + 1 for source in header.sources]
    erased = [source.erased.offset + 1 for source in header.sources]
    topic_id = admin.topic_id_of(settings, topics.activities)
    same = header.activities == topics.activities and (
        header.topic_id == topic_id
        if topic_id or header.topic_id
        else header.broker == settings.broker
    )
    if same and begin is not None:
        raise SettingsError(
            "--begin is for another topic: on the same one it follows from the state"
        )
    if same and len(ends) == len(applied):
        return Start(True, dict(enumerate(applied)), dict(enumerate(erased)))
    left = header.left
    if same:
        left += waiting(settings, topics.activities, _offsets(applied, ends, topics.activities))
        left += waiting(settings, topics.erasures, _offsets(erased, erasures, topics.erasures))
    if left:
        raise SettingsError(
            f"{left:,} records of {header.activities} and its erasures were not applied when state "
            "was exported: their users move, so nobody would; stop the producers, let the worker "
            "come to the end, and export again"
        )
    if same:
        return Start(False, _grown(applied, ends), _grown(erased, erasures))
    if begin is None and any((*ends.values(), *erasures.values())):
        raise SettingsError(
            f"{topics.activities} or {topics.erasures} is not empty: say --begin beginning if all "
            "there came after what was exported, --begin end if all of it was applied before"
        )
    if begin == "end":
        return Start(False, ends, erasures)
    return Start(False, dict.fromkeys(ends, 0), dict.fromkeys(erasures, 0))


def _offsets(applied: Sequence[int], ends: dict[int, int], topic: str) -> list[int]:
    """Of the last record applied, by partition; of an added one, of the last that there is."""
    if len(ends) < len(applied):
        raise SettingsError(f"{topic} has {len(ends)} partitions, and had {len(applied)}")
    return [applied[n] - 1 if n < len(applied) else end - 1 for n, end in sorted(ends.items())]


def _grown(applied: Sequence[int], ends: dict[int, int]) -> dict[int, int]:
    return {n: applied[n] if n < len(applied) else 0 for n in ends}

"""The proof: every record applied once or rejected once, all that must come came, nothing else."""

import time
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from models.encoders.cache import VectorCache
from models.engine import snapshot
from models.engine.users import UserState
from models.errors import GapError
from streams.kafka.reading import ends_of, records_until, starts_of
from streams.ledger.arrived import Arrived
from streams.ledger.expected import Expected, Place
from streams.settings import Settings
from streams.state.restored import restored
from streams.topics import Topics

SAMPLES: Final = 3  # shown of each finding
POLL_SECONDS: Final = 0.2


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it must be.

    Attributes:
        what: A short description, plural.
        count: How many.
        samples: Some of them.
    """

    what: str
    count: int
    samples: list[str]

    def __str__(self) -> str:
        """One line."""
        return f"{self.count:,} {self.what}, such as {', '.join(self.samples)}"


class Verdict(msgspec.Struct):
    """What the ledger says.

    Attributes:
        records: On the log.
        applied: Activities of them, each once.
        repeated_ids: How many of these did nothing: their `event_id` was counted before.
        rejected: Records that are set aside, each once.
        changes: That came, each counted once.
        repeats: Changes that came again, the same bytes.
        names: Changes that bear a language model's name.
        journeys: On the compacted topic.
        users: In the state.
        left_out: Users who were erased: a replay cannot tell what becomes of them.
        findings: What is wrong; none: the proof holds.
        ids: Of the changes as they came.
    """

    records: int = 0
    applied: int = 0
    repeated_ids: int = 0
    rejected: int = 0
    changes: int = 0
    repeats: int = 0
    names: int = 0
    journeys: int = 0
    users: int = 0
    left_out: int = 0
    findings: list[Finding] = []
    ids: list[str] = []

    @property
    def holds(self) -> bool:
        """Whether all is as it must be."""
        return not self.findings

    def lines(self) -> list[str]:
        """It for people."""
        lines = [
            f"{self.records:,} records: {self.applied:,} activities applied once "
            f"({self.repeated_ids:,} repeats among them), {self.rejected:,} rejected once",
            f"{self.changes:,} changes, {self.repeats:,} of them again, the same bytes; "
            f"{self.names:,} names by a language model",
            f"{self.journeys:,} journeys, {self.users:,} users in the state",
        ]
        if self.left_out:
            lines.append(f"{self.left_out:,} users were erased and are left out")
        return lines + [f"WRONG: {finding}" for finding in self.findings]


def expect(settings: Settings, cache: VectorCache) -> Expected:
    """What the log on the broker must bring.

    Raises:
        BrokerError: The broker fails.
        GapError: The log's beginning is gone, so that nobody can tell.
        JourneysError: The encoder or the schema registry fails, or there is no such topic.
    """
    topic = Topics.of(settings).activities
    ends = ends_of(settings, topic)
    for number, start in starts_of(settings, topic).items():
        if start:
            raise GapError(
                f"{topic}, partition {number}: what came before offset {start} is no longer kept, "
                "so nobody can tell what had to come of it"
            )
    expected = Expected(settings, cache)
    expected.read(records_until(settings, topic, ends))
    return expected


def verify(settings: Settings, cache: VectorCache, patience: float = 0.0) -> Verdict:
    """Hold what is on the broker against what the log must bring.

    Nothing may be sent to the log meanwhile.

    Args:
        settings: Of the worker.
        cache: Gives the vectors.
        patience: Seconds without anything new for which what is missing is waited for.

    Raises:
        BrokerError: The broker fails.
        GapError: The log's beginning is gone.
        JourneysError: The encoder or the schema registry fails, or a topic is missing.
    """
    expected = expect(settings, cache)
    left_out = _erased(settings)
    with Arrived.opened(settings, expected, left_out) as arrived:
        progress, last = arrived.progress, time.monotonic()
        while arrived.missing and time.monotonic() - last < patience:
            arrived.poll(POLL_SECONDS)
            if arrived.progress != progress:
                progress, last = arrived.progress, time.monotonic()
        while True:
            arrived.drain()
            verdict = _verdict(settings, expected, arrived, left_out)
            if verdict.holds or time.monotonic() - last >= patience or arrived.foreign:
                return verdict
            time.sleep(POLL_SECONDS)


def _verdict(
    settings: Settings, expected: Expected, arrived: Arrived, left_out: Collection[str]
) -> Verdict:
    expected.let_time_pass()
    verdict = Verdict(
        expected.records,
        expected.activities,
        expected.repeats,
        changes=len(arrived.ids) - arrived.repeated,
        repeats=arrived.repeated,
        names=arrived.named,
        journeys=len(arrived.current),
        left_out=len(left_out),
        ids=arrived.ids,
    )
    missing, foreign, other = arrived.journeys()
    wrong: dict[str, Iterable[object]] = {
        "changes have not come": arrived.missing,
        "changes came that no replay gives": arrived.foreign,
        "changes came with other bytes": arrived.altered,
        "names came that nobody answered": arrived.invented,
        "journeys are not there": map(bytes.decode, missing),
        "journeys are there that no replay gives": map(bytes.decode, foreign),
        "journeys stand otherwise than a replay's": map(bytes.decode, other),
        **_rejects(settings, expected, left_out, verdict),
        **_state(settings, expected, left_out, verdict),
    }
    for what, which in wrong.items():
        if names := sorted(map(str, which)):
            verdict.findings.append(Finding(what, len(names), names[:SAMPLES]))
    return verdict


def _rejects(
    settings: Settings, expected: Expected, left_out: Collection[str], verdict: Verdict
) -> dict[str, Iterable[object]]:
    topics = Topics.of(settings)
    missing = {
        place
        for place, reject in expected.rejects.items()
        if (reject.key or b"").decode("utf-8", "replace") not in left_out
    }
    foreign: set[Place] = set()
    other: set[Place] = set()
    found: set[Place] = set()
    for record in records_until(settings, topics.rejects, ends_of(settings, topics.rejects)):
        headers = dict(record.headers)  # ours come after the record's own
        if headers["topic"] != topics.activities.encode():
            continue
        place = Place(int(headers["partition"] or 0), int(headers["offset"] or 0))
        wanted = expected.rejects.get(place)
        found.add(place)
        if wanted is None:
            foreign.add(place)
        elif headers["reason"] != wanted.reason.encode() or not (
            record.value == wanted.value
            or ("bytes" in headers and (wanted.value or b"").startswith(record.value or b""))
        ):
            other.add(place)
    verdict.rejected = len(found)
    return {
        "records were not rejected": missing - found,
        "records were rejected that no replay rejects": foreign,
        "records were rejected otherwise": other,
    }


def _state(
    settings: Settings, expected: Expected, left_out: Collection[str], verdict: Verdict
) -> dict[str, Iterable[object]]:
    """What the changelog holds beside the users of the replay, part by part."""
    behind: list[str] = []
    back: list[str] = []
    missing: list[str] = []
    foreign: list[str] = []
    other: list[str] = []
    for number, state in restored(settings).items():
        if state.handled != expected.last(number):
            behind.append(f"partition {number} at {state.handled} of {expected.last(number)}")
        if state.marks != sorted(state.marks):
            back.append(f"partition {number}")
        wanted = {
            name: user for name, user in expected.users(number).items() if name not in left_out
        }
        for user in state.users(expected.engine(number)):
            name = user.user_id
            if name in left_out:
                continue
            verdict.users += 1
            must = wanted.pop(name, None)
            if must is None:
                foreign.append(name)
                continue
            expected.passing(number, user)
            expected.passing(number, must)
            if _parts(user) != _parts(must):
                other.append(name)
        missing += wanted
    return {
        "partitions are not handled to their end": behind,
        "partitions whose state went back": back,
        "users are not in the state": missing,
        "users are in the state whom no replay has": foreign,
        "users whose state is not the replay's": other,
    }


def _parts(user: UserState) -> list[snapshot.Part]:
    """All parts of a user, under their plain keys, with names by keywords.

    A language model's names are no function of the log (`Arrived`).
    """
    for _, journey in user.journeys():
        journey.name, journey.source, journey.named = journey.keywords, "keywords", 0
    return snapshot.whole(user)


def _erased(settings: Settings) -> set[str]:
    topic = Topics.of(settings).erasures
    return {
        (record.key or b"").decode("utf-8", "replace")
        for record in records_until(settings, topic, ends_of(settings, topic))
    }

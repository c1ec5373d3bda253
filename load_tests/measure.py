"""One run of one system: its process is started, watched and ended, and its output is counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from load_tests.job import PROFILE, Job
from load_tests.process import ROOT, Failed, Process
from load_tests.topic_size import topic_bytes
from streams.kafka.admin import end_offsets
from streams.kafka.clients import connect
from streams.settings import Settings

READ_SECONDS = 10.0  # for a broker to give records that are there
WRITING = ("quix", "worker", "nothing", "profile")  # changes and a changelog


class Run(msgspec.Struct):
    """What one run of one system gave.

    Attributes:
        system: Which one.
        events: Activities handled.
        seconds: From the first record in the system's own code to the end (see each system).
        cpu: Seconds of processor time of its process meanwhile.
        peak_rss: Bytes.
        changelog_bytes: On the wire; None where there is no changelog.
        ids: Of the changes, as often as they came; None where there are none.
        profile: Where its processor time went; of the system `profile` alone.
    """

    system: str
    events: int
    seconds: float
    cpu: float
    peak_rss: int
    changelog_bytes: int | None = None
    ids: Counter[str] | None = None
    profile: dict[str, Any] | None = None

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / self.seconds

    @property
    def cpu_rate(self) -> float:
        """Events per second of processor time: tells more than `rate` on a busy machine."""
        return self.events / self.cpu


class _Envelope(msgspec.Struct):
    id: str


def measure(job: Job, limit: float, advance: Callable[[int], None], root: Path = ROOT) -> Run:
    """Run a system once.

    Args:
        job: What to run.
        limit: Seconds after which its process is ended.
        advance: Told how many events are done.
        root: Of the code that runs.

    Raises:
        Failed: It stopped early or did not end.
        BrokerError: The broker failed.
    """
    settings = Settings.load(broker=job.broker)
    before = _ends(settings, job) if job.system in WRITING else []
    with Process(job, limit, root) as process:
        run = Run(job.system, **process.finished(advance))
    if job.system == "engine":
        run.ids = Counter(filter(None, Path(job.state, "ids").read_text().split("\n")))
    if job.system == "profile":
        run.profile = msgspec.json.decode(Path(job.state, PROFILE).read_bytes())
    if job.system in WRITING:
        run.ids = _read_ids(settings, job, before)
        run.changelog_bytes = _take_changelog(settings, job)
    return run


def _ends(settings: Settings, job: Job) -> list[int]:
    return list(end_offsets(settings, {job.changes: job.partitions})[job.changes])


def _read_ids(settings: Settings, job: Job, starts: Iterable[int]) -> Counter[str]:
    """Ids of the changes from these offsets on."""
    ends = _ends(settings, job)
    decode = msgspec.json.Decoder(_Envelope).decode
    ids: Counter[str] = Counter()
    with connect(settings, KafkaConsumer, fetch_max_bytes=32 << 20) as client:
        places = [TopicPartition(job.changes, number) for number in range(job.partitions)]
        client.assign(places)
        for place, start in zip(places, starts, strict=True):
            client.seek(place, start)
        missing = {place for place in places if client.position(place) < ends[place.partition]}
        while missing:
            polled = client.poll(timeout_ms=int(READ_SECONDS * 1000))
            if not polled:
                raise Failed(f"{job.changes} cannot be read to its end")
            for records in polled.values():
                ids.update(decode(record.value).id for record in records)
            missing = {place for place in missing if client.position(place) < ends[place.partition]}
    return ids


def _take_changelog(settings: Settings, job: Job) -> int:
    """Size of the run's changelog, which is deleted then: the broker may hold it in memory."""
    with connect(settings, KafkaAdminClient) as client:
        names = [name for name in client.list_topics() if job.group in name and "changelog" in name]
        size = sum(topic_bytes(job.broker, name, job.partitions) for name in names)
        client.delete_topics(names)
    return size

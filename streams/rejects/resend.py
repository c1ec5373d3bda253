"""Rejects back to where they came from, once each.

A batch and the word that it is done are one transaction: a run that is killed has sent all of a
batch or nothing of it, and the next run goes on behind it. Two runs at once are one too many: the
broker refuses the earlier one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError, ProducerFencedError

from models.errors import BrokerError, JourneysError, Reason, SettingsError
from streams.kafka.clients import connect
from streams.rejects.records import RejectedRecord, Rejects, marker
from streams.settings import Settings

BATCH: Final = 500  # records sent as one
BATCH_BYTES: Final = 4 << 20  # and of this size at most, but for the last
HOPELESS: Final = (Reason.TOO_LATE,)  # no mapping makes an activity younger


@dataclass(slots=True)
class Resent:
    """What a run did.

    Attributes:
        sent: Records that went back, by reason.
        topics: The same, by topic.
        cut: Records of which only the beginning was kept, skipped.
        homeless: Records that do not say where they came from, skipped.
        hopeless: Records left, since they would only be rejected again.
    """

    sent: Counter[str] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    homeless: int = 0
    hopeless: int = 0


def resend(
    settings: Settings,
    reasons: Collection[str] = (),
    *,
    dry_run: bool = False,
    after_batch: Callable[[Resent], None] = lambda _: None,
) -> Resent:
    """Send rejects to the topic and partition that they came from, those of a partition in order.

    Args:
        settings: Where the broker is; the group's name makes the transactional id.
        reasons: Only these; none means all but the hopeless.
        dry_run: Send nothing, only count.
        after_batch: Called with what is done so far.

    Raises:
        BrokerError: The broker fails, or another run has taken over.
        SettingsError: A topic is missing.
    """
    result = Resent()
    if dry_run:
        for batch in _batches(Rejects(settings), reasons, result):
            _count(result, batch)
        return result
    identity = f"{settings.group}-rejects-replay"
    timeout = int(settings.broker_timeout * 1000)
    with connect(
        settings,
        KafkaProducer,
        acks="all",
        transactional_id=identity,
        allow_auto_create_topics=False,
        max_request_size=4 << 20,  # a reject may be as long as the largest record, and headers
        max_block_ms=timeout + 60_000,  # a transaction that a killed run left open ends by then
        request_timeout_ms=timeout,
        delivery_timeout_ms=timeout + 60_000,
    ) as producer:
        producer.init_transactions()  # ends what a killed run left open: only then read
        rejects = Rejects(settings)
        known: set[str] = set()
        for batch in _batches(rejects, reasons, result):
            _check_topics(settings, {record.topic for record in batch if record.topic}, known)
            try:
                _send(producer, rejects.topic, batch)
            except ProducerFencedError:
                raise BrokerError("another `rejects replay` has taken over; it goes on") from None
            _count(result, batch)
            after_batch(result)
    return result


def _batches(
    rejects: Rejects, reasons: Collection[str], result: Resent
) -> Iterator[list[RejectedRecord]]:
    """What is to be done: of one partition each, in order."""
    replayed = rejects.replayed()
    waiting: defaultdict[int, list[RejectedRecord]] = defaultdict(list)
    sizes: Counter[int] = Counter()
    for record in rejects.records():
        if replayed.covers(record) or (reasons and record.reason not in reasons):
            continue
        if not reasons and record.reason in HOPELESS:
            result.hopeless += 1
            continue
        batch = waiting[record.partition]
        batch.append(record)
        sizes[record.partition] += len(record.value or b"")
        if len(batch) >= BATCH or sizes[record.partition] >= BATCH_BYTES:
            sizes[record.partition] = 0
            yield waiting.pop(record.partition)
    yield from waiting.values()


def _usable(record: RejectedRecord) -> bool:
    return bool(record.topic) and not record.cut


def _send(producer: KafkaProducer, rejects_topic: str, batch: list[RejectedRecord]) -> None:
    producer.begin_transaction()
    try:
        futures = [
            producer.send(
                record.topic,
                key=record.key,
                value=record.value,
                headers=record.headers,
                partition=record.source_partition,
            )
            for record in batch
            if _usable(record)
        ]
        value, headers = marker({record.reason: record.offset + 1 for record in batch})
        futures.append(
            producer.send(rejects_topic, value=value, headers=headers, partition=batch[0].partition)
        )
        producer.flush()
        for future in futures:
            future.get(timeout=0)
    except (KafkaError, AssertionError) as error:
        with suppress(KafkaError):
            producer.abort_transaction()
        if isinstance(error, AssertionError):
            raise JourneysError(f"a reject cannot be sent back: {error}") from None
        raise
    producer.commit_transaction()


def _count(result: Resent, batch: list[RejectedRecord]) -> None:
    for record in batch:
        if _usable(record):
            result.sent[record.reason] += 1
            result.topics[record.topic] += 1
        elif record.cut:
            result.cut += 1
        else:
            result.homeless += 1


def _check_topics(settings: Settings, wanted: set[str], known: set[str]) -> None:
    if not wanted <= known:
        with connect(settings, KafkaAdminClient) as client:
            known |= set(client.list_topics())
    if missing := sorted(wanted - known):
        raise SettingsError(f"rejects came from {', '.join(missing)}, which is no longer there")

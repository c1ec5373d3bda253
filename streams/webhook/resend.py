"""What could not be delivered, sent again from `webhook-undelivered`, as far as it lies there now.

How far a run came is committed, so that the next one goes on behind it. Not by way of
`journey-changes`: other subscribers have seen these changes, and would take an old one for news.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from models.errors import GoneError, JourneysError, Rejected
from models.selection import EVERYTHING
from streams.kafka.clients import connect
from streams.kafka.reading import StoredRecord, ends_of, records_until
from streams.query.follow import Follower
from streams.query.store import opened
from streams.settings import Settings
from streams.topics import Topics
from streams.webhook.choose import Chooser
from streams.webhook.receiver import Receiver, Result

COMMIT_EVERY: Final = 20  # records: what a run that is killed sends again at most

_log = logging.getLogger(__name__)


class Resent(NamedTuple):
    """What a run did; what was refused again stays on the topic and is passed by."""

    delivered: int
    refused: int


def resend(settings: Settings) -> Resent:
    """Send each once, those of a partition in order, until the receiver does not answer.

    Raises:
        BrokerError: No broker answers.
        SettingsError: A topic is missing, or no url or secret is set.
        GoneError: The receiver wants no more.
        JourneysError: The receiver does not answer, or fails; run again, it goes on.
    """
    receiver = Receiver(settings)
    topic = Topics.of(settings).undelivered
    ends = ends_of(settings, topic)
    delivered = refused = 0
    with (
        opened(settings) as store,
        _places(settings, topic, ends) as (done, commit),
        asyncio.Runner() as runner,
    ):
        Follower(settings, store).catch_up()
        chooser = Chooser(settings, store, EVERYTHING)
        try:
            for record in records_until(settings, topic, ends, done):
                result, detail = runner.run(_post(chooser, receiver, record))
                if result is Result.DELIVERED:
                    delivered += 1
                elif result is Result.REFUSED:
                    refused += 1
                    _log.warning("%s %d/%d: %s", topic, record.partition, record.offset, detail)
                else:
                    ends_it = GoneError if result is Result.GONE else JourneysError
                    raise ends_it(
                        f"the receiver at {receiver.address}: {detail}; {delivered} were delivered "
                        "before, the others wait"
                    )
                done[record.partition] = record.offset + 1
                if not (delivered + refused) % COMMIT_EVERY:
                    commit()
        finally:
            commit()
            runner.run(receiver.close())
    return Resent(delivered, refused)


async def _post(chooser: Chooser, receiver: Receiver, record: StoredRecord) -> tuple[Result, str]:
    try:
        delivery = chooser.of(
            record.value, record.headers, record.timestamp, record.partition, record.offset
        )
    except Rejected as error:
        return Result.REFUSED, error.detail
    assert delivery is not None, "everything is wanted"
    outcome = await receiver.post(delivery.event_id, delivery.body)
    return outcome.result, outcome.detail


@contextmanager
def _places(
    settings: Settings, topic: str, ends: Mapping[int, int]
) -> Iterator[tuple[dict[int, int], Callable[[], None]]]:
    """By partition, where the run before ended; and what commits them as they are then."""
    group = f"{settings.group}-webhook-undelivered"
    with connect(settings, KafkaConsumer, group_id=group, enable_auto_commit=False) as client:
        places = [TopicPartition(topic, number) for number in ends]
        client.assign(places)
        done = {place.partition: client.committed(place) or 0 for place in places}

        def commit() -> None:
            client.commit(
                {place: OffsetAndMetadata(done[place.partition], "", -1) for place in places}
            )

        yield done, commit

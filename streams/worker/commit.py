"""Commit: what a batch brought about is made to last, in the one order that loses nothing.

    publish ─► state ─► offset

1. Changes, journeys, naming requests and rejects are acknowledged on their topics.
2. The users' state is acknowledged on the changelog, then the mark that says how far activities
   have come with it; then both are set in the local store.
3. Now the caller acknowledges the batch, and its offset may be committed.

A crash after 1 repeats the batch on the state from before it: the same changes, with the same ids
and bytes. A crash after 2 repeats it on a state that says it was applied: nothing more happens. Any
other order would lose something: state that goes ahead of what was published is never published,
and an offset that goes ahead of the state is never read again.

An erasure goes the same way: tombstones for all journeys of a user, then for all parts of their
state, with a mark that says how far erasures have come; then its offset.

Before 1 and before 2 the worker makes sure that it still owns the partition. Where 2 begins and
does not end (an acknowledgement that does not come, a disk that is full), what is stored may be
another state than the one in memory: this worker writes nothing more for the partition until it
has read it back from the changelog.
"""

from collections import Counter
from collections.abc import Sequence

from models.errors import RecordTooLargeError
from streams.formats.writing import OutputFormat
from streams.kafka.producers import PartitionProducers
from streams.kafka.sending import OutgoingRecord, send
from streams.service import metrics
from streams.service.metrics import Metrics
from streams.stages.batch import Effects, Reject
from streams.stages.publish import outgoing_records, outgoing_reject, outgoing_tombstones
from streams.state.partition import Mark, Partition
from streams.topics import Topics
from streams.worker.ownership import Ownership


class Committer:
    """Publishes effects and stores the state that they belong to.

    Args:
        topics: Where effects go.
        output: How changes and journeys are written.
        ownership: Whether this worker may write.
        producers: With what it writes.
        counts: Where to count.
    """

    def __init__(
        self,
        topics: Topics,
        output: OutputFormat,
        ownership: Ownership,
        producers: PartitionProducers,
        counts: Metrics,
    ) -> None:
        self._topics = topics
        self._output = output
        self._ownership = ownership
        self._producers = producers
        self._metrics = counts

    async def commit(
        self, partition: Partition, effects: Effects, generation: int, mark: Mark | None
    ) -> bool:
        """Publish the effects, then store the state.

        Args:
            partition: Locked by the caller, who has it forget its users unless this is done.
            effects: What to publish and whose state to store.
            generation: In which the partition was assigned.
            mark: How far its activities have come with this; None when no further.

        Returns:
            False if the partition went elsewhere.

        Raises:
            KafkaError: What was published was not acknowledged.
            InDoubtError: What was stored was not; and others of `Partition.append`.
            StateTooLargeError: One part of a user fits into no record batch; nothing was sent.
            RecordTooLargeError: A topic takes no record of the size that one has.
        """
        users, erasures = effects.users.values(), effects.erasures.values()
        packed = partition.pack(self._producers, users, mark, erasures, effects.erased)
        outgoing = outgoing_records(
            self._topics,
            self._output,
            effects.changes,
            effects.journeys.values(),
            effects.requests,
            partition.number,
            effects.spans.headers,
        )
        outgoing += outgoing_tombstones(self._topics, erasures)
        if outgoing or effects.rejects:
            if not await self._ownership.may_write(generation):
                return False
            with effects.trace.stage("publish"):
                await self._publish(partition.number, outgoing, effects.rejects)
        if packed:
            if not await self._ownership.may_write(generation, finish=True):
                return False
            with effects.trace.stage("store"):
                written = await partition.append(
                    self._producers, packed, users, mark, erasures, effects.erased
                )
            self._metrics.count(metrics.STATE_BYTES, written)
        self._metrics.count_each(metrics.CHANGES, Counter(c.kind for c in effects.changes))
        self._metrics.count_each(metrics.REJECTS, Counter(r.error.reason for r in effects.rejects))
        self._metrics.count(metrics.REQUESTS, len(effects.requests))
        self._metrics.count(metrics.ERASED, len(effects.erasures))
        self._metrics.count_each(metrics.WITHHELD, effects.withheld)
        return True

    async def _publish(
        self, owned: int, outgoing: Sequence[OutgoingRecord], rejects: Sequence[Reject]
    ) -> None:
        def records(*, cut: bool) -> list[OutgoingRecord]:
            topic = self._topics.rejects
            return [*outgoing, *(outgoing_reject(reject, topic, cut=cut) for reject in rejects)]

        try:
            await send(records(cut=False), self._producers, owned)
        except RecordTooLargeError:  # nothing but a reject is that large
            await send(records(cut=True), self._producers, owned)

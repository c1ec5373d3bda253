"""Assign: activities, names and time, each to its user's clusters and journeys, in order."""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Final

from models.decoding import decode_user
from models.encoders.reading import is_from_characters
from models.engine.engine import Engine
from models.errors import Rejected
from models.records import JourneyName
from models.vectors import Vector
from streams.kafka.messages import Record
from streams.stages.batch import Arrival, Effects, Reject
from streams.state.lives import Erased, Erasure, Life
from streams.state.partition import Partition

# The event loop must answer acknowledgements and rebalances while a batch is worked on.
STRETCH_SECONDS: Final = 0.005
NEVER: Final = -2  # before every record's time; -1 is that of one without
LOOK_EVERY: Final = 16  # activities between two looks at the clock


async def activities(
    partition: Partition,
    engine: Engine,
    topic: str,
    arrivals: Sequence[Arrival],
    vectors: Sequence[Vector | Rejected],
    effects: Effects,
) -> None:
    """Apply activities to their users, in the order of their offsets.

    Args:
        partition: Locked by the caller.
        engine: Decides.
        topic: Where the activities come from.
        arrivals: Activities with their records.
        vectors: Of the same length.
        effects: Takes what follows.
    """
    number, users, load, apply = partition.number, effects.users, partition.user, engine.activity
    silent, redelivered = partition.silent, 0
    watermark, arrival = partition.mark.watermark, partition.mark.stamp
    pause_at = monotonic() + STRETCH_SECONDS
    for place, ((record, activity), vector) in enumerate(zip(arrivals, vectors, strict=True)):
        if place % LOOK_EVERY == 0 and monotonic() > pause_at:
            await asyncio.sleep(0)
            pause_at = monotonic() + STRETCH_SECONDS
        user_id, offset = activity.user_id, record.offset
        if record.timestamp > arrival:
            arrival = record.timestamp
        user = users.get(user_id) or load(user_id)
        if silent and record.timestamp <= silent.get(user_id, NEVER):
            effects.silent += 1
            continue
        if user.applied.get(number, -1) >= offset:
            # State was stored without the mark that belongs to it, so time must be counted again. A
            # rejected activity would look the same: no more counts than what the user has lived.
            redelivered += 1
            watermark = max(watermark, min(activity.occurred_at, user.latest))
            continue
        try:
            if isinstance(vector, Rejected):
                raise vector
            outcome = apply(user, activity, vector, watermark, arrival)
        except Rejected as error:
            effects.rejects.append(Reject(topic, number, record, error))
            continue
        users[user_id] = user
        user.applied[number] = offset
        effects.repeats += outcome.repeated
        if activity.vector is None:
            effects.encoded += 1
            effects.unread += is_from_characters(vector)
        if activity.occurred_at > watermark:
            watermark = activity.occurred_at
        if outcome.journeys or outcome.changes:
            effects.add(outcome, place)
    effects.redelivered += redelivered
    effects.watermark, effects.arrival = watermark, arrival


def erasures(partition: Partition, topic: str, records: Iterable[Record], effects: Effects) -> None:
    """Find out who is to be erased; a record that was handled before does nothing.

    Args:
        partition: Locked by the caller.
        topic: Where the records come from.
        records: In the order of their offsets; the key is the user id, the value anything.
        effects: Takes what follows.
    """
    erased = partition.erased
    for record in records:
        if record.offset <= erased.offset and record.timestamp <= erased.time:
            continue
        erased = Erased(offset=record.offset, time=max(erased.time, record.timestamp))
        try:
            user_id = decode_user(record.key)
        except Rejected as error:
            effects.rejects.append(Reject(topic, partition.number, record, error))
            continue
        known = effects.erasures.get(user_id)
        life = partition.life(user_id) if known is None else known.life
        began_at = max(record.timestamp, life.began_at + 1 if life else 1)
        effects.erasures[user_id] = Erasure(partition.user(user_id), Life(began_at))
    effects.erased = None if erased is partition.erased else erased


def names(
    partition: Partition, engine: Engine, answers: Iterable[JourneyName], effects: Effects
) -> None:
    """Apply a namer's answers; those that change nothing leave no trace."""
    for place, answer in enumerate(answers):
        user = effects.users.get(answer.user_id) or partition.user(answer.user_id)
        outcome = engine.name(user, answer)
        if outcome.journeys or outcome.changes or outcome.requests:
            effects.users[answer.user_id] = user
            effects.add(outcome, place)


def time(
    partition: Partition, engine: Engine, user_ids: Iterable[str], watermark: int, effects: Effects
) -> None:
    """Apply the passing of event time to users who wait for it."""
    for user_id in user_ids:
        user = effects.users[user_id] = partition.user(user_id)
        effects.add(engine.passing(user, watermark))

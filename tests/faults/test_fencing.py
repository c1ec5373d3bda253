"""Earlier owners are refused for as long as a partition is held, however quiet it is."""

import asyncio
import time
import uuid
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.kafka import admin
from streams.settings import Settings
from tests.support.workers import WorkerProcess

pytestmark = pytest.mark.fault

QUIET_SECONDS = 20.0  # several times what this broker remembers ids for


async def producer_id(settings: Settings) -> int:
    """The id that the broker gives whoever takes partition 0: the earlier owner's if it is known,
    with an epoch that shuts that one out."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.broker,
        transactional_id=f"{settings.topic_prefix}{settings.group}-users-changelog-0",
    )
    await producer.start()
    try:
        found: int = producer._txn_manager.producer_id
        return found
    finally:
        await producer.stop()


def test_a_partition_that_is_quiet_for_long_is_still_held_against_earlier_owners(
    forgetful_kafka: str, tmp_path: Path
) -> None:
    group = f"t{uuid.uuid4().hex[:12]}"
    settings = Settings.load(
        broker=forgetful_kafka, topic_prefix=f"{group}-", group=group, store="memory"
    )
    admin.create(settings)
    worker = WorkerProcess(settings, tmp_path, renew_hours=3 / 3_600).wait_ready()
    earlier = asyncio.run(producer_id(settings))
    time.sleep(QUIET_SECONDS)
    worker.wait_ready()
    assert asyncio.run(producer_id(settings)) == earlier
    worker.kill()

"""What is too large for a record batch or a topic stops no partition."""

from typing import Any

import pytest

from models.engine.params import DAY_MS
from models.records import encode
from streams.topics import Topics
from tests.faults.conftest import Workers
from tests.support.lives import START
from tests.support.workers import (
    activities,
    assert_as_in_ledger,
    by_reason,
    produce,
    read,
    send,
    until,
    vectors,
    wait_until_handled,
)

pytestmark = pytest.mark.fault

INTERESTS = 120


def many_interests(user: str) -> list[dict[str, Any]]:
    """A user with many journeys at once, the ids of their items as long as they may be."""
    dimensions = vectors().encoder.dimensions
    return [
        {
            "event_id": f"{user}-{week}-{about}-{time}",
            "user_id": user,
            "item_id": f"{week}-{time}-".ljust(256, "長"),
            "title": f"title {about}",
            "occurred_at": START + (week * 7 + time) * DAY_MS + about,
            "vector": [1.0 if at == about else 0.0 for at in range(dimensions)],
        }
        for week in range(4)
        for time in range(2)
        for about in range(INTERESTS)
    ]


def test_a_user_whose_journeys_fall_dormant_together_a_long_name_and_a_long_key_stop_nothing(
    workers: Workers,
) -> None:
    settings = workers.settings
    produce(settings, many_interests("polymath"))
    produce(settings, activities())
    send(settings, [(b"k" * 1_000_000, b"{}")])
    worker = workers.start(batch_records=5_000)
    wait_until_handled(settings)
    ids = assert_as_in_ledger(settings)
    assert len({one for one in ids if ":dormant:" in one}) >= INTERESTS
    name = {"user_id": "polymath", "journey_id": "j", "revision": 1, "source": "llm"}
    topic = Topics.of(settings).names
    send(settings, [(b"polymath", encode(name | {"name": "n" * 900_000}))], topic)
    rejects = Topics.of(settings).rejects
    until(lambda: len(read(settings, rejects)) == 2, "both are among the rejects")
    assert set(by_reason(read(settings, rejects))) == {"invalid", "too_large"}
    assert worker.stop() == 0

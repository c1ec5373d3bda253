"""Local files of which the disk has flipped some bytes: the changelog has it all."""

import pytest

from streams.settings import Settings
from streams.state.store import RocksParts
from tests.faults.conftest import Workers
from tests.support.damage import flip, largest
from tests.support.workers import (
    activities,
    assert_as_in_ledger,
    assert_no_zombie_wrote,
    produce,
    wait_until_handled,
)

pytestmark = pytest.mark.fault


def damage(settings: Settings, number: int, share: float) -> None:
    """Flip some bytes in the middle of a partition's data."""
    path = settings.data_dir / settings.group / f"users-{number}"
    parts = RocksParts(path)
    parts._db.compact_range(None, None)
    parts._db.flush()
    parts.close()
    flip(largest(path, "*.sst"), share)


def test_flipped_bytes_are_told_and_state_is_read_back_from_the_changelog(workers: Workers) -> None:
    log = activities(3)
    half = len(log) // 2
    produce(workers.settings, log[:half])
    first = workers.start(store="rocksdb")
    wait_until_handled(workers.settings)
    assert first.stop() == 0
    for number in range(4):
        damage(first.settings, number, 0.2 + 0.15 * number)
    produce(workers.settings, log[half:])
    second = workers.start(store="rocksdb")
    wait_until_handled(workers.settings)
    assert_as_in_ledger(workers.settings)
    assert_no_zombie_wrote(workers.settings)
    assert second.log.read_text().count("is damaged: ") == 4
    assert second.stop() == 0

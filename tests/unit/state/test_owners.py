"""Records of a changelog that count, and those that an earlier owner wrote too late."""

from typing import Any

import pytest

from streams.kafka.producers import TAKEN_KEY, TOKEN_HEADER
from streams.state.owners import of_owners, owner_of
from tests.support.fakes import incoming


def record(offset: int, key: bytes | None, token: int | None = None) -> Any:
    found = incoming(offset, b"%d" % offset, key)
    found.headers = [] if token is None else [(TOKEN_HEADER, b"%d" % token)]
    return found


def test_records_of_owners_one_after_the_other_count() -> None:
    log = [
        record(0, TAKEN_KEY),
        record(1, b"u", 0),
        record(2, TAKEN_KEY),
        record(3, b"u", 2),
        record(4, None),
    ]
    assert of_owners(log, -1) == (
        [(TAKEN_KEY, b"0"), (b"u", b"1"), (TAKEN_KEY, b"2"), (b"u", b"3")],
        0,
    )


def test_a_record_of_an_earlier_owner_does_not() -> None:
    log = [record(7, TAKEN_KEY), record(8, b"u", 0), record(9, b"u", 7)]
    assert of_owners(log, 0) == ([(TAKEN_KEY, b"7"), (b"u", b"9")], 1)
    assert of_owners(log[1:], 7) == ([(b"u", b"9")], 1), "the owner is known from the store"


def test_where_compaction_took_an_owners_record_its_state_counts() -> None:
    assert of_owners([record(5, b"u", 4), record(9, b"v", 8)], 0) == (
        [(b"u", b"5"), (b"v", b"9")],
        0,
    )


def test_records_from_before_there_were_tokens_count() -> None:
    assert of_owners([record(1, TAKEN_KEY), record(2, b"u")], -1)[1] == 0


@pytest.mark.parametrize(
    ("taken", "owner"), [(None, -1), (b"12", 12), (b"journeys-host-7", -1), (b"", -1)]
)
def test_a_store_from_before_there_were_tokens_knows_no_owner(
    taken: bytes | None, owner: int
) -> None:
    assert owner_of(taken) == owner

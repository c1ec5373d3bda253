"""A short seeded piece of `load_tests.faults`: whatever befalls workers, the ledger is clean."""

from pathlib import Path

import pytest

from load_tests.faults.run import Plan, run

pytestmark = pytest.mark.fault


@pytest.mark.parametrize(
    "kinds", [("kill", "freeze", "join", "files", "naming"), ("stop", "join", "leave")]
)
def test_under_poison_and_whatever_befalls_workers_nothing_is_lost_doubled_or_invented(
    broker: str, tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    plan = Plan(seed=7, kinds=kinds, events=2_000, rate=250.0, pause=0.3)
    found = run(plan, broker, None, tmp_path)
    assert not found["verdict"]["findings"], "\n".join(found["lines"])
    assert found["faults"], "something befell them"
    assert found["verdict"]["rejected"] > 50
    assert found["verdict"]["changes"] > 20
    assert not found["ended_by_themselves"]

"""A broker that does not let a service read: the service ends and says why, it does not hang."""

import subprocess
import sys

import pytest

from streams.demo.broker import free_port
from streams.demo.children import environment
from streams.kafka import admin
from streams.settings import Settings

SECONDS = 90.0
TOO_LONG = 5_000.0  # seconds; more than Kafka's group.max.session.timeout.ms allows


@pytest.mark.parametrize("service", ["worker", "namer"])
def test_a_group_that_takes_no_such_member_ends_it_with_one_line(
    service: str, settings: Settings, request: pytest.FixtureRequest
) -> None:
    if "embedded" in request.node.name:
        pytest.skip("the embedded broker takes sessions of any length")
    admin.create(settings)
    refused = settings.model_copy(update={"session_timeout": TOO_LONG, "web_port": free_port()})
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "streams.cli", service],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment(refused),
    )
    assert ended.returncode == 1
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("journeys: the broker does not let us read")
    assert "InvalidSessionTimeout" in last

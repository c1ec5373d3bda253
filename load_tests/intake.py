"""Intake's throughput beside the worker's: events without a key in, then the activities of them.

`python -m load_tests.intake [--events 100000] [--partitions 4] [--broker kafka] [--json FILE]`

One intake reads events that a mapping of plain paths makes activities of; then one worker reads
these. Each has its backlog before it starts; its rate is taken from the first events that it has
handled to the last. A broker with transactions writes them, the embedded one knows none.
"""

import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from kafka import KafkaAdminClient, KafkaProducer
from rich.console import Console

from load_tests.command import broker_option, json_option, save, serve, start
from load_tests.mapping import MAPPING
from models.errors import JourneysError
from models.records import encode
from streams.demo.broker import free_port
from streams.demo.children import Child
from streams.demo.sample.generator import generate
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.kafka.partitioning import crc32
from streams.settings import Settings

TOPIC = "events"
PATIENCE = 600.0  # seconds until a service that has not handled all is given up
COUNTERS = {"intake": "journeys_intake_events_total", "worker": "journeys_activities_total"}


@click.command(help=__doc__)
@broker_option
@click.option("--events", type=click.IntRange(min=1), default=100_000, show_default=True)
@click.option("--partitions", type=click.IntRange(min=1), default=4, show_default=True)
@json_option
def main(broker: str, events: int, partitions: int, json_to: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder = Path(name)
        with serve(broker, folder) as address:
            (folder / "mapping.toml").write_text(f'topics = ["{TOPIC}"]\n{MAPPING}')
            settings = Settings.load(
                broker=address,
                partitions=partitions,
                data_dir=folder / "data",
                input=str(folder / "mapping.toml"),
            )
            _prepare(settings, events)
            rates = {
                command: _rate(command, settings, folder, events)
                for command in ("intake", "worker")
            }
    ratio = rates["intake"] / rates["worker"]
    for command, rate in rates.items():
        Console().print(f"{command:7} {rate:8,.0f} events/s")
    Console().print(f"intake is {ratio:.1f} times as fast as the worker")
    save({"events": events, "events_per_second": rates, "ratio": ratio}, json_to)


def _prepare(settings: Settings, events: int) -> None:
    admin.create(settings)
    with connect(settings, KafkaAdminClient) as client:
        client.create_topics(
            {TOPIC: {"num_partitions": settings.partitions, "replication_factor": 1}}
        )
        client.wait_for_topics([TOPIC])
    with connect(settings, KafkaProducer, linger_ms=20, batch_size=131_072) as producer:
        for event in _events(events):  # no key, but a user's events in order
            number = crc32(event["user"]["id"].encode(), settings.partitions)
            producer.send(TOPIC, encode(event), partition=number)
        producer.flush()


def _events(count: int) -> Iterator[dict[str, Any]]:
    """The sample by as many times as many users as it takes, in order of time."""
    sample = generate().activities
    copies = -(-count // len(sample))
    for number in range(count):
        activity, copy = sample[number // copies], number % copies
        yield {
            "id": f"{activity['event_id']}-{copy}",
            "type": "track",
            "event": "viewed",
            "user": {"id": f"{activity['user_id']}-{copy}", "anonymous": None},
            "timestamp": activity["occurred_at"],
            "properties": {"item_id": activity["item_id"], "title": activity["title"]},
        }


def _rate(command: str, settings: Settings, folder: Path, events: int) -> float:
    """Events a second, from the first that were handled to the last."""
    changed = settings.model_copy(update={"web_port": free_port()})
    deadline = time.monotonic() + PATIENCE
    with Child(command, changed, folder) as child:
        first = began = 0.0
        while True:
            now, done = time.monotonic(), _count(child, COUNTERS[command])
            if done and not began:
                first, began = done, now
            if done >= events:
                return (events - first) / (now - began) if done > first else float("inf")
            child.check()
            if now > deadline:
                raise JourneysError(f"the {command} has handled {done:,.0f} of {events:,} events")
            time.sleep(0.02)


def _count(child: Child, counter: str) -> float:
    try:
        with urllib.request.urlopen(child.url("/metrics"), timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{counter} ")), 0.0)


if __name__ == "__main__":
    start(main)

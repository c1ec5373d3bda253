"""What a mapping costs in the reading stage: plain activities beside mapped ones.

`python -m load_tests.mapping [--events 50000] [--repetitions 5]`

The same activities are read as they stand, as events of plain paths with a condition, and as
events of the presets' kind whose fields JMESPath finds. All forms are read in turn, in one
process; seconds are of processor time, and ratios are taken within each repetition.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from models.mapping.mapping import Mapping
from models.records import encode
from streams.demo.sample.generator import generate
from streams.stages.read import Reader

STAMP = 4_000_000_000_000  # of every record: later than all of them
BATCH = 5_000
MAPPING = """
[activity]
event_id = "id"
user_id = ["user.id", "user.anonymous"]
item_id = "properties.item_id"
title = "properties.title"
occurred_at = "timestamp"
type = "event"
[[only]]
path = "type"
in = ["track", "page"]
"""


@click.command(help=__doc__)
@click.option("--events", default=50_000, show_default=True)
@click.option("--repetitions", default=5, show_default=True)
def main(events: int, repetitions: int) -> None:
    sample = generate().activities
    activities = [sample[number % len(sample)] for number in range(events)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mapping.toml")
        path.write_text(MAPPING)
        forms: dict[str, tuple[Reader, list[Any]]] = {
            "plain": (Reader(0), _records(activities, _same)),
            "mapped": (Reader(0, mapping=Mapping.load(str(path))), _records(activities, _event)),
            "JMESPath": (
                Reader(0, mapping=Mapping.load("posthog")),
                _records(activities, _posthog),
            ),
        }
    rates: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(repetitions):
        for name, (reader, records) in forms.items():
            rates[name].append(_rate(reader, records))
    table = Table("form", "events/s", "beside plain")
    for name, found in rates.items():
        ratio = statistics.median(
            rate / plain for rate, plain in zip(found, rates["plain"], strict=True)
        )
        table.add_row(name, f"{statistics.median(found):,.0f}", f"{ratio:.2f}")
    Console().print(table)


def _rate(reader: Reader, records: list[Any]) -> float:
    start = time.process_time()
    for first in range(0, len(records), BATCH):
        batch = records[first : first + BATCH]
        arrivals, _ = reader.read("activity-events", 0, batch)
        assert len(arrivals) == len(batch), "every event is one that counts"
    return len(records) / (time.process_time() - start)


def _records(activities: list[dict[str, Any]], form: Callable[[dict[str, Any]], Any]) -> list[Any]:
    return [
        SimpleNamespace(
            key=activity["user_id"].encode(),
            value=encode(form(activity)),
            offset=offset,
            timestamp=STAMP,
            headers=(),
        )
        for offset, activity in enumerate(activities)
    ]


def _same(activity: dict[str, Any]) -> dict[str, Any]:
    return activity


def _event(activity: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": activity["event_id"],
        "type": "track",
        "event": "viewed",
        "user": {"id": activity["user_id"], "anonymous": None},
        "timestamp": activity["occurred_at"],
        "properties": {"item_id": activity["item_id"], "title": activity["title"]},
        "context": {"library": {"name": "analytics.js", "version": "2.1"}, "locale": "en-GB"},
    }


def _posthog(activity: dict[str, Any]) -> dict[str, Any]:
    properties = {"product_id": activity["item_id"], "product_name": activity["title"]}
    return {
        "uuid": activity["event_id"],
        "event": "viewed",
        "distinct_id": activity["user_id"],
        "timestamp": activity["occurred_at"],
        "properties": encode(properties).decode(),  # text, as on clickhouse_events_json
    }


if __name__ == "__main__":
    main()

"""Features of users over time, as Parquet files that a feature store or a training job reads.

    pip install kafka-python pyarrow
    BROKER=localhost:9092 FOLDER=features python feature_table.py

Each row of `user-journeys` is a line with `user_id`, `event_timestamp` (event time: what the user
did by then) and `created_timestamp` (when it was known): the columns that Feast's file source joins
by, and enough for any point-in-time join. One that has no journey left has a line of zeros.

A file is there as a whole or not at all, before its offset is committed, and named after the offset
that it begins with: a crash repeats lines, which are the same, and loses none. The files are a
history: erase a user there yourself.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from kafka import KafkaConsumer

MOMENT = pa.timestamp("ms", tz="UTC")
SCHEMA = pa.schema(
    [
        ("user_id", pa.string()),
        ("event_timestamp", MOMENT),
        ("created_timestamp", MOMENT),
        ("journeys", pa.int32()),
        ("journeys_active", pa.int32()),
        ("journeys_evergreen", pa.int32()),
        ("strength", pa.float64()),
        ("top_name", pa.string()),
        ("top_theme", pa.string()),
        ("top_kind", pa.string()),
        ("top_strength", pa.float64()),
        ("top_share", pa.float64()),
        ("top_days", pa.float64()),
    ]
)


def moment(millis):
    """Epoch milliseconds as a time."""
    return datetime.fromtimestamp(millis / 1000, UTC)


def features(record) -> dict:
    """The line of a row."""
    row = json.loads(record.value) if record.value else {"journeys": []}
    journeys = row["journeys"]
    strength = sum(one["strength"] for one in journeys)
    line = {
        "user_id": record.key.decode(),
        "event_timestamp": moment(row.get("updated_at", record.timestamp)),
        "created_timestamp": moment(record.timestamp),
        "journeys": len(journeys),
        "journeys_active": sum(one["stage"] == "active" for one in journeys),
        "journeys_evergreen": sum(one["kind"] == "evergreen" for one in journeys),
        "strength": strength,
    }
    if journeys:
        top = journeys[0]
        line |= {f"top_{name}": top[name] for name in ("name", "theme", "kind", "strength")}
        line["top_share"] = top["strength"] / strength if strength else 0.0
        line["top_days"] = (top["last_active_at"] - top["started_at"]) / 86_400_000
    return line


def write(folder, where, records) -> None:
    """A batch of a partition as a file."""
    path = folder / f"{where.partition:05}-{records[0].offset:020}.parquet"
    unfinished = path.with_suffix(".unfinished")
    pq.write_table(pa.Table.from_pylist([features(one) for one in records], SCHEMA), unfinished)
    unfinished.replace(path)


def main() -> None:
    """Follow the topic until stopped."""
    folder = Path(os.environ.get("FOLDER", "features"))
    folder.mkdir(parents=True, exist_ok=True)
    consumer = KafkaConsumer(
        os.environ.get("TOPIC", "user-journeys"),
        bootstrap_servers=os.environ.get("BROKER", "localhost:9092"),
        group_id=os.environ.get("GROUP", "journeys-to-features"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,  # after which another goes on, when this one is killed
    )
    while True:
        polled = consumer.poll(5_000, max_records=50_000)
        for where, records in polled.items():
            write(folder, where, records)
        if polled:
            consumer.commit()
            print(f"{sum(map(len, polled.values()))} rows", flush=True)


if __name__ == "__main__":
    main()

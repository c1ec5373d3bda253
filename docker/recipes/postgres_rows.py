"""Each journey of a user's row as a row of a table in PostgreSQL.

    pip install kafka-python 'psycopg[binary]'
    BROKER=localhost:9092 DATABASE_URL=postgresql://localhost/crm python postgres_rows.py

A user's journeys are replaced together: what is in their row is inserted or brought up to date,
what is no longer in it is deleted. The transaction of a batch ends before its offset is committed,
so a crash repeats rows and loses none.
"""

import json
import os
from datetime import UTC, datetime

import psycopg
from kafka import KafkaConsumer

TABLE = """
CREATE TABLE IF NOT EXISTS user_journeys (
    user_id text NOT NULL,
    journey_uuid uuid NOT NULL,
    journey_id text NOT NULL,
    rank integer NOT NULL,
    name text NOT NULL,
    name_source text NOT NULL,
    stage text NOT NULL,
    kind text,
    theme text,
    strength double precision NOT NULL,
    confidence double precision NOT NULL,
    started_at timestamptz NOT NULL,
    last_active_at timestamptz NOT NULL,
    activities integer NOT NULL,
    PRIMARY KEY (user_id, journey_uuid)
)
"""
FIELDS = (
    *("journey_uuid", "journey_id", "rank", "name", "name_source", "stage", "kind", "theme"),
    *("strength", "confidence", "started_at", "last_active_at", "activities"),
)
UPSERT = (
    f"INSERT INTO user_journeys (user_id, {', '.join(FIELDS)}) "
    f"VALUES (%s{', %s' * len(FIELDS)}) ON CONFLICT (user_id, journey_uuid) "
    f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in FIELDS[1:])}"
)
DELETE = "DELETE FROM user_journeys WHERE user_id = %s AND NOT journey_uuid = ANY(%s::uuid[])"
# Another version may add fields to a row: they are left out here, not refused.
TIMES = {"started_at", "last_active_at"}


def value(journey, name):
    """A field as a column holds it."""
    if name in TIMES:
        return datetime.fromtimestamp(journey[name] / 1000, UTC)
    found = journey.get(name)
    return found.replace("\0", "") if isinstance(found, str) else found  # PostgreSQL takes no NUL


def apply(database, records) -> None:
    """Write a batch; where a user comes twice, the last row counts."""
    with database.transaction(), database.cursor() as cursor:
        for record in {record.key: record for record in records}.values():
            user_id = record.key.decode().replace("\0", "")
            journeys = json.loads(record.value)["journeys"] if record.value else []
            cursor.execute(DELETE, [user_id, [one["journey_uuid"] for one in journeys]])
            for one in journeys:
                cursor.execute(UPSERT, [user_id, *(value(one, name) for name in FIELDS)])


def main() -> None:
    """Follow the topic until stopped."""
    consumer = KafkaConsumer(
        os.environ.get("TOPIC", "user-journeys"),
        bootstrap_servers=os.environ.get("BROKER", "localhost:9092"),
        group_id=os.environ.get("GROUP", "journeys-to-postgres"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,  # after which another goes on, when this one is killed
    )
    with psycopg.connect(os.environ.get("DATABASE_URL", ""), autocommit=True) as database:
        database.execute(TABLE)
        while True:
            polled = consumer.poll(1_000, max_records=500)
            if not polled:
                continue
            for records in polled.values():
                apply(database, records)
            consumer.commit()
            print(f"{sum(map(len, polled.values()))} rows", flush=True)


if __name__ == "__main__":
    main()

"""The vectors of `journeys` into Qdrant: whose interests are near to this one?

    pip install kafka-python qdrant-client
    BROKER=localhost:9092 QDRANT_URL=http://localhost:6333 python qdrant_vectors.py

QDRANT_PATH=FOLDER in place of the url keeps them in a folder, without a server. A point's id is the
journey's UUID. Vectors of another encoder mean something else, so each has a collection of its own,
`journeys-<encoder>`. What has ended, was merged, was erased or may not be told has no point. Points
are written before the offset is committed: a crash repeats them and loses none.
"""

import json
import os
import re
from uuid import UUID, uuid5

from kafka import KafkaConsumer
from qdrant_client import QdrantClient, models

# What a journey's UUID is made of (version 5, with the journey's id): a tombstone has no value.
NAMESPACE = UUID("be31f46a-ffe0-4809-9fc5-0fff2c994b63")
PREFIX = "journeys-"
PAYLOAD = ("journey_id", "stage", "kind", "started_at", "last_active_at", "activities")


def collection_of(record) -> str:
    """Where the vector of a record belongs."""
    encoder = (dict(record.headers).get("encoder") or b"unknown").decode()
    return PREFIX + re.sub(r"[^\w.-]", "-", encoder)


def point_of(record):
    """A journey as a point; None where there is to be none."""
    told = json.loads(record.value) if record.value else None
    if not told or told["journey"]["stage"] not in ("active", "dormant"):
        return None
    journey = told["journey"]
    if not journey["vector"]:  # a sensitive interest's is not published
        return None
    theme = journey.get("theme") or {}
    payload = {name: journey.get(name) for name in PAYLOAD}
    payload |= {"user_id": told["user_id"], "name": told["name"], "theme": theme.get("name")}
    return models.PointStruct(
        id=str(uuid5(NAMESPACE, journey["journey_id"])), vector=journey["vector"], payload=payload
    )


def apply(client, records) -> None:
    """Write a batch; where a journey comes twice, the last record counts."""
    points, gone = {}, []
    for record in {record.key: record for record in records}.values():
        point = point_of(record)
        if point is None:
            gone.append(str(uuid5(NAMESPACE, record.key.decode().rpartition("/")[2])))
        else:
            points.setdefault(collection_of(record), []).append(point)
    for name, some in points.items():
        if not client.collection_exists(name):
            shape = models.VectorParams(size=len(some[0].vector), distance=models.Distance.COSINE)
            client.create_collection(name, vectors_config=shape)
        client.upsert(name, some, wait=True)
    for known in client.get_collections().collections if gone else ():
        if known.name.startswith(PREFIX):
            client.delete(known.name, models.PointIdsList(points=gone), wait=True)


def main() -> None:
    """Follow the topic until stopped."""
    path = os.environ.get("QDRANT_PATH")
    url = os.environ.get("QDRANT_URL", "http://localhost:6333")
    client = QdrantClient(path=path) if path else QdrantClient(url=url)
    consumer = KafkaConsumer(
        os.environ.get("TOPIC", "journeys"),
        bootstrap_servers=os.environ.get("BROKER", "localhost:9092"),
        group_id=os.environ.get("GROUP", "journeys-to-qdrant"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,  # after which another goes on, when this one is killed
    )
    while True:
        polled = consumer.poll(1_000, max_records=500)
        for records in polled.values():
            apply(client, records)
        if polled:
            consumer.commit()
            print(f"{sum(map(len, polled.values()))} journeys", flush=True)


if __name__ == "__main__":
    main()

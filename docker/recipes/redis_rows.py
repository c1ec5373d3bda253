"""Each user's row into Redis: `journeys:<user id>` is the JSON of `user-journeys`, or is not there.

    pip install kafka-python redis
    BROKER=localhost:9092 REDIS_URL=redis://localhost:6379/0 python redis_rows.py

Redis has a batch before its offset is committed, so a crash repeats rows and loses none.
"""

import os

import redis
from kafka import KafkaConsumer


def main() -> None:
    """Follow the topic until stopped."""
    store = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
    consumer = KafkaConsumer(
        os.environ.get("TOPIC", "user-journeys"),
        bootstrap_servers=os.environ.get("BROKER", "localhost:9092"),
        group_id=os.environ.get("GROUP", "journeys-to-redis"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        session_timeout_ms=10_000,  # after which another goes on, when this one is killed
    )
    while True:
        polled = consumer.poll(1_000, max_records=500)
        if not polled:
            continue
        with store.pipeline() as batch:
            for records in polled.values():
                for record in records:
                    key = b"journeys:" + record.key
                    if record.value is None:  # a user without a journey, or erased
                        batch.delete(key)
                    else:
                        batch.set(key, record.value)
            batch.execute()
        consumer.commit()
        print(f"{sum(map(len, polled.values()))} rows", flush=True)


if __name__ == "__main__":
    main()

"""A made life through the engine; prints a digest of its state and of all that it published."""

from hashlib import sha256

import msgspec
import numpy as np

from models.engine import snapshot
from models.engine.engine import Engine
from models.engine.params import DAY_MS
from models.records import Activity


def digest() -> str:
    """As hexadecimal digits."""
    random, engine, told = np.random.default_rng(7), Engine(), sha256()
    user = engine.new_user("someone")
    centres = random.standard_normal((12, 96))
    for number in range(600):
        interest = int(random.integers(12))
        vector = centres[interest] + 1.6 * random.standard_normal(96)
        vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        activity = Activity(
            event_id=f"e{number}",
            user_id="someone",
            item_id=f"i{number}",
            title=f"Title {number} about {interest}",
            type="view",
            occurred_at=number * DAY_MS // 3,
        )
        out = engine.activity(user, activity, vector)
        told.update(msgspec.json.encode([out.changes, out.journeys, out.requests]))
        if number % 50 == 0:
            told.update(b"".join(value or b"" for _, value in snapshot.dump(user)))
    assert sum(1 for _ in user.journeys()) > 3
    return told.hexdigest()


if __name__ == "__main__":
    print(digest())

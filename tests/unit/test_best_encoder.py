"""The encoder `best`: what it makes of titles, and of the sample's people."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.records import CurrentJourney, encode
from streams.demo.sample.generator import generate
from streams.demo.sample.score import score
from streams.replay import Replay
from streams.settings import Settings

TITLES = {
    "bread": [
        "My first sourdough has a dense crumb",
        "Which flour for a baguette?",
        "Proofing dough overnight",
    ],
    "chess": [
        "Why the Sicilian Defence suits attackers",
        "Endgames with rook and pawn",
        "Carlsen resigns a drawn rook ending",
    ],
    "space": [
        "Rover finds clay in an old Martian delta",
        "The telescope unfolds its mirror",
        "A lunar lander tips over",
    ],
    "python": [
        "Python type hints for decorators",
        "Why does asyncio swallow my Python exception?",
        "Packaging Python code with C extensions",
    ],
    "garden": [
        "Slugs ate every lettuce seedling",
        "When to prune an apple tree",
        "Compost that does not smell",
    ],
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open("best")


def test_a_title_is_nearest_to_one_of_its_own_topic(encoder: Encoder) -> None:
    titles = [title for own in TITLES.values() for title in own]
    topics = np.array([topic for topic, own in TITLES.items() for _ in own])
    vectors = encoder.encode(titles)
    cosines = vectors @ vectors.T
    itself = np.eye(len(titles), dtype=bool)
    nearest = topics[np.where(itself, -1, cosines).argmax(1)]
    assert (nearest == topics).mean() >= 0.8
    same = topics[:, None] == topics[None]
    apart = cosines[~same]
    assert cosines[same & ~itself].mean() > apart.mean() + 0.1
    assert abs(apart.mean()) < 0.1  # the map took out what all titles have in common


def test_a_title_has_the_same_bits_in_every_batch(encoder: Encoder) -> None:
    texts = [title for own in TITLES.values() for title in own]
    texts += ["", "?", "bread", "日本語のタイトル", "long " * 200, "Two\nlines"]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    by_threes = np.concatenate([encoder.encode(texts[i : i + 3]) for i in range(0, len(texts), 3)])
    assert np.array_equal(together, alone)
    assert np.array_equal(together, by_threes)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_it_opens_where_nothing_can_be_reached(tmp_path: Path) -> None:
    script = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('it asks the network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from models.encoders.encoder import Encoder\n"
        "print(Encoder.open('best').encode(['a title']).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert done.stdout == "(1, 256)\n"
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.slow
def test_the_interests_of_the_samples_people_are_found(encoder: Encoder) -> None:
    sample = generate()
    replay = Replay(Settings.load().engine(encoder), VectorCache(encoder, 10_000))
    journeys: dict[str, CurrentJourney] = {}
    for step in replay.run([[encode(activity) for activity in sample.activities]]):
        for outcome in step.outcomes:
            journeys |= {current.journey.journey_id: current for current in outcome.journeys}
    found = score(journeys.values(), sample.truth)
    assert found.found >= 0.9 * found.lasting
    assert found.mistaken <= 0.05 * found.short

"""People who read in a language of their own, three interests each, and what is found of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.engine.params import DAY_MS, EngineParams
from models.records import Activity, CurrentJourney
from streams.replay import Replay
from tests.support.lives import START

_FILE: Final = Path(__file__).parents[1] / "data" / "interests_by_language.json"
INTERESTS: Final[dict[str, dict[str, list[str]]]] = {
    one["language"]: one["interests"] for one in json.loads(_FILE.read_text("utf-8"))
}


class Found(NamedTuple):
    """A journey as it stood last.

    Attributes:
        about: The true interest of each of its activities.
        confidence: As published.
    """

    about: tuple[str, ...]
    confidence: float


def found(encoder: Encoder, interests: dict[str, list[str]]) -> list[Found]:
    """The journeys of someone who reads a title of each interest a week."""
    told = [
        (START + (7 * week + 2 * place) * DAY_MS, about, title)
        for place, (about, titles) in enumerate(interests.items())
        for week, title in enumerate(titles)
    ]
    return journeys(encoder, sorted(told))


def journeys(encoder: Encoder, told: Iterable[tuple[int, str, str]]) -> list[Found]:
    """The journeys of one person, of times (epoch ms), true interests and titles."""
    about, lines = {}, []
    for number, (moment, interest, title) in enumerate(told):
        about[f"e{number}"] = interest
        lines.append(msgspec.json.encode(Activity(f"e{number}", "u", title, title, moment)))
    replay = Replay(
        EngineParams(scale=encoder.scale, languages=frozenset(encoder.languages)),
        VectorCache(encoder, 1_000),
    )
    cluster_of: dict[str, str] = {}
    merged: dict[str, str] = {}
    last: dict[str, CurrentJourney] = {}
    for step in replay.run([lines]):
        assert step.activity is not None
        for outcome in step.outcomes:
            cluster_of.setdefault(step.activity.event_id, outcome.cluster_id or "")
            merged.update(outcome.merged)
            last.update((one.journey.journey_id, one) for one in outcome.journeys)

    def final(cluster: str) -> str:
        return final(merged[cluster]) if cluster in merged else cluster

    return [
        Found(
            tuple(
                about[e]
                for e, own in cluster_of.items()
                if final(own) == current.journey.cluster_id
            ),
            current.journey.confidence,
        )
        for current in last.values()
        if current.journey.cluster_id not in merged
    ]

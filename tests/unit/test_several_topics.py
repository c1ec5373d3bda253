"""Collections whose activities have several topics each, or none."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.engine.params import DAY_MS, EngineParams
from models.evaluation.extraction import several
from models.vectors import Vectors
from streams.cli import main
from tests.support.lives import START, topic

ACTIVITIES = 120
PARAMS = EngineParams()


def encode(titles: Sequence[str]) -> Vectors:
    return np.stack([topic(int(title.split()[-1])) for title in titles])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One person with twelve interests in turn; every other activity has topics."""
    folder = tmp_path / "stars"
    folder.mkdir()
    with gzip.open(folder / "activities.jsonl.gz", "wt") as out:
        for i in range(ACTIVITIES):
            activity = {
                "event_id": f"e{i}",
                "user_id": "u",
                "item_id": f"i{i}",
                "title": f"Item {i} of {i % 12}",
                "occurred_at": START + i * DAY_MS // 2,
            }
            out.write(json.dumps(activity) + "\n")
    with gzip.open(folder / "topics.csv.gz", "wt") as out:
        writer = csv.writer(out)
        writer.writerow(["event_id", "topic"])
        for i in range(0, ACTIVITIES, 2):
            writer.writerow([f"e{i}", "others"])
            writer.writerow([f"e{i}", "everything"])
            writer.writerow([f"e{i}", f"topic {i % 12 // 4}/{i % 12}"])
    return folder


def test_topics_of_a_large_part_of_what_a_person_does_say_nothing(folder: Path) -> None:
    assert several.available(folder.parent) == ["stars"]
    score = several.judge(*several.read(folder, encode), PARAMS)
    assert (score.people, score.activities, score.labelled) == (1, ACTIVITIES, 0.0)


def test_lift_is_against_any_two_activities_of_the_person(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(several, "WIDE", 0.2)
    score = several.judge(*several.read(folder, encode), PARAMS)
    assert score.labelled == 0.5
    assert score.journeys >= 6
    assert score.inside == 1.0
    assert 0.1 < score.anywhere < 0.2
    assert score.lift > 5
    assert score.together > 0.9


def test_the_command_says_which_encoder_and_shows_pairs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "extraction", "--data", str(folder.parent), "--collections", "stars"])
    assert ended.value.code == 0
    out = capsys.readouterr().out
    assert "encoder journeys-static@" in out
    assert "stars: 1 people; 120 activities" in out

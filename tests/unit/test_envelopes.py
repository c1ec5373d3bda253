"""The envelopes that have a preset, each from a file of its events to journeys, by replay."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from models.mapping.mapping import Mapping, SourceEvent
from models.records import rfc3339
from streams.cli import main

SAMPLES = Path(__file__).parents[1] / "data" / "envelopes"


class Outcome(NamedTuple):
    """What is to come of a sample: activities, events that do not count, reasons of rejects.

    Repeats are activities whose event id came before: they count once.
    """

    activities: int
    skipped: int
    rejects: dict[str, int]
    users: set[str]
    repeats: int = 0


EXPECTED = {
    "segment": Outcome(
        68,
        13,
        {"bad_unit": 1, "missing": 1, "not_json": 1},
        {"u-1007", "u-1015", "anon-7f3e", "u-1032"},
        repeats=1,
    ),
    "rudderstack": Outcome(42, 11, {"invalid": 1, "bad_time": 1}, {"rs_41", "rs_58", "rs_77"}),
    "snowplow": Outcome(
        42, 16, {"empty_title": 1, "bad_time": 1, "not_json": 1}, {"anna", "bjorn", "5f1c0d3e-0002"}
    ),
    "posthog": Outcome(
        42,
        9,
        {"not_json": 1, "missing": 1},
        {"018daf23-89b3-7cf8-a4f1-94064c96df90", "kim@people.example", "42"},
    ),
    "ga4": Outcome(
        47,
        16,
        {"bad_unit": 1, "missing": 1},
        {"1732190113.1741000011", "883120.1741000012", "member-9"},
    ),
    "wikimedia": Outcome(
        56, 37, {"missing": 1}, {"Marigold Fen", "Ostrich7", "2A02:8388:1::7", "Tinkerer"}
    ),
    "debezium": Outcome(49, 12, {"bad_unit": 1, "missing": 1}, {"501", "502", "503"}, repeats=7),
    "cloudevents": Outcome(
        43, 0, {"missing": 1, "bad_weight": 1}, {"cust/1", "cust/2", "cust/3"}, repeats=1
    ),
    "registry": Outcome(42, 0, {"bad_unit": 1, "missing": 1}, {"r1", "r2", "r3"}),
}


def replay(*args: Any) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, args)])


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("preset", EXPECTED)
def test_a_sample_becomes_journeys(preset: str, tmp_path: Path) -> None:
    expected = EXPECTED[preset]
    sample, journeys, rejects, assigned = (
        SAMPLES / f"{preset}.jsonl",
        tmp_path / "journeys",
        tmp_path / "rejects",
        tmp_path / "assigned",
    )
    flags = ("--journeys", journeys, "--rejects", rejects, "--assignments", assigned)
    done = replay(sample, "--input", preset, *flags)
    assert done.exit_code == 0, done.output
    assert Counter(reject["reason"] for reject in lines(rejects)) == expected.rejects
    assert len(lines(assigned)) == expected.activities - expected.repeats
    assert (f", {expected.skipped} events do not count" in done.stderr) == (expected.skipped > 0)
    found = lines(journeys)
    assert {one["user_id"] for one in found} == expected.users
    assert min(Counter(one["user_id"] for one in found).values()) >= 1
    started = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(change["time"] >= "2025-03-03" for change in started)


def test_every_sample_is_tried() -> None:
    assert {path.stem for path in SAMPLES.glob("*.jsonl")} == EXPECTED.keys()


def test_a_file_of_which_no_event_counts_is_said(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"type": "identify"}\n' * 3)
    done = replay(calls, "--input", "segment")
    assert done.exit_code != 0
    assert "3 of its events do not count" in done.stderr


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("s", lambda ms: ms / 1000),
        ("ms", lambda ms: ms),
        ("us", lambda ms: ms * 1000),
        ("ns", lambda ms: ms * 1_000_000),
        ("%Y-%m-%d %H:%M:%S.%f", None),
    ],
)
def test_every_unit_gives_the_same_bytes_or_a_clear_reject(
    unit: str, written: Any, tmp_path: Path
) -> None:
    rows = [row for row in lines(SAMPLES / "registry.jsonl") if "bad" not in row["event_id"]]
    same, told = tmp_path / "same.jsonl", tmp_path / "told.jsonl"
    same.write_text(
        "".join(json.dumps(r | {"occurred_at": rfc3339(r["occurred_at"])}) + "\n" for r in rows)
    )

    def text(ms: int) -> Any:
        return written(ms) if written else rfc3339(ms).replace("T", " ").removesuffix("Z")

    told.write_text(
        "".join(json.dumps(r | {"occurred_at": text(r["occurred_at"])}) + "\n" for r in rows)
    )
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f'extends = "registry"\n[time]\nunit = "{unit}"\nzone = "UTC"\n')
    expected = replay(same, "--input", "registry").stdout
    assert expected.count("\n") > 3
    assert replay(told, "--input", mapping).stdout == expected
    undeclared = replay(told, "--input", "registry")
    if unit == "ms":
        assert undeclared.stdout == expected
    else:
        assert undeclared.stdout == ""
        assert undeclared.exit_code != 0
        wanted = f'[time] unit = "{unit}"' if written else "has no offset"
        assert wanted in undeclared.stderr


TITLED = {"user_id": "u1", "item_id": "i1", "title": "Rye bread", "text": "Three days of dough"}
TOLD: dict[str, dict[str, Any]] = {
    "segment": {
        "type": "track",
        "event": "Video Content Started",
        "messageId": "m1",
        "userId": "u1",
        "timestamp": "2025-03-03T14:48:56.430Z",
        "properties": {
            "content_asset_id": "i1",
            "title": "Rye bread",
            "description": "Three days of dough",
        },
    },
    "cloudevents": {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "viewed",
        "time": "2025-03-03T14:48:56Z",
        "data": TITLED,
    },
    "debezium": {"op": "c", "after": TITLED | {"id": 1, "created_at": 1_741_013_336_430}},
    "registry": TITLED | {"event_id": "e1", "occurred_at": 1_741_013_336_430},
}
TOLD["rudderstack"] = TOLD["segment"] | {"originalTimestamp": "2025-03-03T14:48:56.430Z"}


@pytest.mark.parametrize("preset", TOLD)
def test_what_an_envelope_says_of_its_item_is_its_text(preset: str) -> None:
    (activity,) = Mapping.load(preset).activities(SourceEvent(TOLD[preset]))
    assert (activity.item_id, activity.title) == ("i1", "Rye bread")
    assert activity.text == "Three days of dough"

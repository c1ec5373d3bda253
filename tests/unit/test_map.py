"""`journeys map` says what events become before anything runs, and begins a mapping."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.mapping.infer import propose
from models.mapping.mapping import Mapping, SourceEvent
from streams.cli import main

SAMPLES = Path(__file__).parents[1] / "data" / "envelopes"
EVENT: dict[str, Any] = {
    "ts": 1_741_000_000,
    "client": {"id": 17},
    "content": {"id": 5, "title": "Rye bread"},
    "action": "view",
    "uuid": "a0",
}


def journeys_map(*args: Any) -> Result:
    return CliRunner().invoke(main, ["map", *map(str, args)])


def events(**own: Any) -> list[dict[str, Any]]:
    times = [1_741_000_000 + 3_600 * number for number in range(10)]
    return [EVENT | {"ts": ts, "uuid": f"a{ts}"} | own for ts in times]


def written(tmp_path: Path, rows: list[Any]) -> Path:
    sample = tmp_path / "sample.jsonl"
    sample.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return sample


def test_a_mapping_is_guessed_and_written(tmp_path: Path) -> None:
    sample, target = written(tmp_path, events()), tmp_path / "mapping.toml"
    done = journeys_map("--sample", sample, "--write", target)
    assert done.exit_code == 0, done.output
    assert "10 events: 10 activity; 10 activities" in done.stdout
    (activity,) = Mapping.load(str(target)).activities(SourceEvent(EVENT))
    assert (activity.user_id, activity.item_id, activity.title) == ("17", "5", "Rye bread")
    assert (activity.occurred_at, activity.type, activity.event_id) == (
        1_741_000_000_000,
        "view",
        "a0",
    )
    again = journeys_map("--sample", sample, "--write", target)
    assert again.exit_code == 1
    assert "File exists" in again.stderr
    assert journeys_map("--sample", sample, "--input", target).exit_code == 0


def test_a_text_is_guessed_where_there_are_words_and_shown(tmp_path: Path) -> None:
    told = {"name": "Rye bread", "description": "Three days of dough, and a crust"}
    sample, target = written(tmp_path, events(content={"id": 5} | told)), tmp_path / "mapping.toml"
    done = journeys_map("--sample", sample, "--write", target, "--json")
    (activity,) = json.loads(done.stdout)["events"][0]["activities"]
    assert (activity["title"], activity["text"]) == (told["name"], told["description"])
    assert "Three" in journeys_map("--sample", sample, "--input", target).stdout


def test_the_id_of_what_an_event_is_about_is_not_the_events() -> None:
    times = [1_741_000_000 + number for number in range(3)]
    pages = [
        {"ts": ts, "client": {"id": 17}, "page": {"id": f"p{ts}", "title": "Rye"}} for ts in times
    ]
    text = propose(pages).text
    assert 'item_id = "page.id"  # sure' in text
    assert "no event_id was found" in text
    assert (
        'event_id = "meta.id"  # a guess'
        in propose([page | {"meta": {"id": f"x{page['ts']}"}} for page in pages]).text
    )


@pytest.mark.parametrize("said", ["XJ-77/b", "article", 7, {"html": "<p>"}])
def test_a_code_a_kind_or_a_number_is_no_text(said: Any) -> None:
    assert "text =" not in propose(events(body=said)).text


def test_a_description_that_is_all_there_is_is_the_title() -> None:
    text = propose(events(content={"id": 5, "description": "Three days of dough"})).text
    assert 'title = "content.description"' in text
    assert "text =" not in text


@pytest.mark.parametrize(
    ("times", "unit", "zone"),
    [
        ([1_741_000_000, 1_741_000_060.5], "s", None),
        ([1_741_000_000_000], None, None),
        ([1_741_000_000_000_000], "us", None),
        ([1_741_000_000_000_000_000], "ns", None),
        (["2025-03-03T11:06:40Z"], None, None),
        (["2025-03-03 11:06:40"], None, "UTC"),
        (["2025-03-03"], "%Y-%m-%d", "UTC"),
        ([20250303110640], "%Y%m%d%H%M%S", "UTC"),
        (["03.03.2025 11:06"], "%d.%m.%Y %H:%M", "UTC"),
    ],
)
def test_the_unit_of_time_is_found(times: list[Any], unit: str | None, zone: str | None) -> None:
    text = propose([EVENT | {"ts": time} for time in times]).text
    assert (f'unit = "{unit}"' in text) == (unit is not None)
    assert ("zone =" in text) == (zone is not None)


@pytest.mark.parametrize("preset", sorted(path.stem for path in SAMPLES.glob("*.jsonl")))
def test_a_known_envelope_is_known(preset: str) -> None:
    done = journeys_map("--sample", SAMPLES / f"{preset}.jsonl")
    assert done.exit_code == 0
    assert preset in done.stdout.splitlines()[0] + done.stdout.splitlines()[1]


def test_what_is_not_found_is_said(tmp_path: Path) -> None:
    sample = written(tmp_path, [{"colour": "red", "when": "soon"}])
    done = journeys_map("--sample", sample)
    assert done.exit_code == 1
    assert '# user_id = ""  # nothing was found: say where it is' in done.stdout


def test_every_event_has_its_outcome(tmp_path: Path) -> None:
    rows = [EVENT, EVENT | {"action": "scroll"}, EVENT | {"ts": 1_741_000_000_000}]
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(propose(events()).text + '[[only]]\npath = "action"\nnot_in = ["scroll"]\n')
    sample = written(tmp_path, rows)
    with sample.open("a") as file:
        file.write("{cut sho\n")
    shown = journeys_map("--sample", sample, "--input", mapping)
    assert "event 3: bad_unit: 1741000000000 read as s is the year 57140" in shown.stdout
    assert "4 events: 1 activity, 1 does not count, 1 bad_unit, 1 not_json" in shown.stdout
    told = json.loads(journeys_map("--sample", sample, "--input", mapping, "--json").stdout)
    assert [event["outcome"] for event in told["events"]] == [
        "activity",
        "does not count",
        "bad_unit",
        "not_json",
    ]
    assert told["events"][0]["activities"][0]["user_id"] == "17"
    assert told["mapping"] is None


def test_a_wrong_mapping_is_one_line(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text("[activity]\nuser = 'a'\n")
    done = journeys_map("--sample", written(tmp_path, events()), "--input", mapping)
    assert done.exit_code == 2
    assert done.stderr == ("journeys: mapping.toml: activity.user: unknown; do you mean user_id?\n")

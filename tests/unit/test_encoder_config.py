"""What the `config.json` of an encoder's folder may say, and what is made of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.encoders.encoder import SHIPPED, Encoder
from models.engine.params import SCALE
from models.errors import ModelError
from models.records import encode
from streams.settings import Settings
from tests.support.processes import replayed
from tests.unit.test_encoder import make_folder


def folder_that_says(folder: Path, **said: Any) -> Path:
    make_folder(folder)
    (folder / "config.json").write_text(json.dumps(said))
    return folder


def test_the_engine_takes_its_scale_from_the_encoder(tmp_path: Path) -> None:
    scale = SCALE._replace(match=0.4, merge=-2.0)
    encoder = Encoder.open(str(folder_that_says(tmp_path, scale=scale._asdict())))
    assert encoder.caveat == ""
    assert Settings.load().engine(encoder).scale == scale
    assert Settings.load(match=2.0).engine(encoder).scale == scale._replace(match=2.0)


def test_a_folder_without_a_scale_opens_and_says_what_to_expect(tmp_path: Path) -> None:
    encoder = Encoder.open(str(make_folder(tmp_path / "raw")))
    assert encoder.scale == SCALE
    assert "raw@" in encoder.caveat
    assert "journeys tune encoder" in encoder.caveat
    assert "\n" not in encoder.caveat


def test_a_replay_by_such_a_folder_says_so_once(tmp_path: Path) -> None:
    raw = make_folder(tmp_path / "raw")
    activity = {"event_id": "e", "user_id": "u", "item_id": "i", "title": "bread"}
    line = encode(activity | {"occurred_at": 1_700_000_000_000})
    code, _, err = replayed("-", "--encoder", raw, given=line, timeout=60)
    assert code == 0
    told = [line for line in err.splitlines() if "tune encoder" in line]
    assert len(told) == 1
    assert "raw@" in told[0]


def test_a_prefix_goes_before_every_text_and_is_no_known_word(tmp_path: Path) -> None:
    plain = Encoder.open(str(make_folder(tmp_path / "plain")))
    asked = Encoder.open(str(folder_that_says(tmp_path / "asked", prefix="title ")))
    assert np.array_equal(asked.encode(["bread"]), plain.encode(["title bread"]))
    assert np.array_equal(asked.encode(["zzz"]), plain.encode(["zzz"]))  # of its characters alone


def test_pooling_and_length_are_as_the_folder_says(tmp_path: Path) -> None:
    first = Encoder.open(str(folder_that_says(tmp_path / "first", pooling="cls")))
    assert np.allclose(first.encode(["bread at home"]), first.encode(["bread of tennis"]))
    short = Encoder.open(str(folder_that_says(tmp_path / "short", max_tokens=2)))
    assert np.array_equal(short.encode(["bread oven tennis"]), short.encode(["bread oven court"]))


def changed(**values: Any) -> dict[str, Any]:
    return {**SCALE._asdict(), **values}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"scale": {"match": 1.0}}, "scale has the fields between, usual"),
        ({"scale": changed(sweep=1.0)}, "and no others"),
        ({"scale": 3}, "scale has the fields"),
        ({"scale": changed(match=0.0)}, "match is from 0.001"),
        ({"scale": changed(between=1.2)}, "between is from 0.001 to 0.999, not 1.2"),
        ({"scale": changed(trust=float("nan"))}, "trust is from"),
        ({"scale": changed(gain="much")}, "gain is from"),
        ({"scale": changed(eager=True)}, "eager is from"),
        ({"pooling": "max"}, "pooling is mean or cls"),
        ({"prefix": 7}, "prefix is text"),
        ({"prefix": "x" * 300}, "prefix has more than"),
        ({"max_tokens": 0}, "max_tokens is a whole number"),
        ({"max_tokens": "many"}, "max_tokens is a whole number"),
        ({"languages": "en"}, "languages is a list"),
        ({"name": 5, "version": "1"}, "name is text"),
    ],
)
def test_what_a_folder_says_wrongly_is_one_line(
    said: dict[str, Any], wrong: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=wrong) as caught:
        Encoder.open(str(folder_that_says(tmp_path, **said)))
    assert "config.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_none_names_those_that_ship() -> None:
    with pytest.raises(ModelError, match=r"default: no such folder.* best and fast"):
        Encoder.open("default")


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_what_ships_says_all_that_is_to_be_said(name: str) -> None:
    encoder = Encoder.open(name)
    said = json.loads((SHIPPED[name] / "config.json").read_text())
    assert encoder.caveat == ""
    assert encoder.dimensions == said["dimensions"]
    assert encoder.name == f"{said['name']}@{said['version']}"
    assert said["licence"]
    assert said["languages"] == ["en"]
    assert said["fitted_on"]
    assert (SHIPPED[name] / "LICENCES.md").is_file()


def test_both_are_small_enough_for_a_package() -> None:
    files = [path for folder in SHIPPED.values() for path in folder.iterdir()]
    assert sum(path.stat().st_size for path in files) < 70e6

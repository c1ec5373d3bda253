"""`journeys evaluate naming`: the measures on cases made by hand, and the command on a stub."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from models.datasets import named_groups
from models.datasets.named_groups import Group
from models.encoders.encoder import Encoder
from models.evaluation.naming.cases import AMONG, Case, users
from models.evaluation.naming.scores import Named, score
from models.vectors import Vectors
from streams.cli import main
from tests.support import named
from tests.support.naming import LISTS
from tests.support.vllm_stub import Stub

WORDS = ("sourdough", "sailing", "chess", "bread")


class Counter:
    """Encodes a text by which of the known words it has."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.array(
            [[float(word in text.lower()) for word in WORDS] + [1e-3] for text in texts], np.float32
        )
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def case(topic: str, human: str) -> Case:
    others = [name for name in ("sourdough", "sailing", "chess") if name != topic]
    group = Group(topic, "list", "a list", human, LISTS[topic])
    return Case(group, LISTS[topic], Counter().encode([topic, *others]))


def shown(topic: str, name: str, human: str = "Something else", own: bool = True) -> Named:
    journey = case(topic, human)
    return Named(journey, journey.group.request(journey.exemplars()), name, own)


def test_a_name_that_is_the_humans_has_the_best_scores() -> None:
    result = score([[shown("sailing", "Ocean sailing trips", "Ocean sailing trips")]], Counter())
    assert (result.bleu, result.chrf) == pytest.approx((100, 100))
    assert result.cosine == pytest.approx(1)
    assert (result.own, result.retrieval, result.well_formed, result.distinct) == (1, 1, 1, 1)


def test_case_does_not_count_and_other_words_do() -> None:
    same = score([[shown("sailing", "OCEAN SAILING", "ocean sailing")]], Counter())
    near = score([[shown("sailing", "sailing", "ocean sailing")]], Counter())
    none = score([[shown("sailing", "chess games", "ocean sailing")]], Counter())
    assert same.chrf == pytest.approx(100)
    assert same.chrf > near.chrf > none.chrf
    assert same.bleu > none.bleu
    assert none.cosine < 0.01


def test_retrieval_is_the_share_of_names_nearest_to_their_own_journey() -> None:
    result = score(
        [
            [
                shown("sailing", "Sailing boats"),
                shown("chess", "Sailing with chess men"),
                shown("sourdough", "Sailing boats"),
            ]
        ],
        Counter(),
    )
    assert result.retrieval == pytest.approx(2 / 3)  # the second is as near, and its own is first


def test_distinct_counts_pairs_within_a_user_only() -> None:
    twice = score(
        [
            [
                shown("sailing", "Sailing boats"),
                shown("chess", "Boat sailing"),
                shown("sourdough", "Sourdough bread"),
            ]
        ],
        Counter(),
    )
    assert twice.distinct == pytest.approx(2 / 3)
    apart = score(
        [[shown("sailing", "Sailing boats")], [shown("chess", "Sailing boats")]], Counter()
    )
    assert apart.distinct == 1


def test_keywords_in_place_of_a_name_are_no_merit_of_the_method() -> None:
    result = score([[shown("sailing", "Sailing, knots, mainsail", own=False)]], Counter())
    assert (result.own, result.retrieval, result.seen) == (0, 0, 1)


def test_users_have_journeys_of_every_list_and_the_same_ones_every_time(tmp_path: Path) -> None:
    rows = [
        named.section(
            f"{named.JUDGED}", f"{topic} {number}", tuple(f"{title} {number}" for title in titles)
        )
        for number in range(6)
        for topic, titles in LISTS.items()
    ]
    rows += [named.section("RSS feeds", "Chess", LISTS["chess"])]
    judged = named_groups.read(named.write(tmp_path, rows, []), "odd")
    encoder = Encoder.open("fast")
    made, again = (users(judged, 10, encoder.encode) for _ in range(2))
    cases = [each for user in made for each in user]
    assert [each.group for each in cases] == [each.group for user in again for each in user]
    assert len(cases) == 10
    assert "RSS feeds" in {each.group.source for each in cases}
    assert all(len(each.among) == AMONG for each in cases)
    for each in cases:
        about = encoder.encode(list(each.group.titles)).mean(axis=0)
        np.testing.assert_allclose(each.among[0], about / np.linalg.norm(about), atol=1e-5)
        nearness = encoder.encode(each.exemplars(5)) @ each.among[0]
        assert list(nearness) == sorted(nearness, reverse=True)


def evaluate(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "naming", *map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_keywords_need_no_server_and_come_beside_the_human(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = named.some(tmp_path / "data")
    assert (
        evaluate(
            "--data",
            data,
            "--json",
            tmp_path / "n.json",
            "--examples",
            tmp_path / "page.md",
            "--plot",
            tmp_path / "n.png",
        )
        == 0
    )
    assert "keywords" in capsys.readouterr().out
    found = json.loads((tmp_path / "n.json").read_text())["methods"]
    assert [row["method"] for row in found] == ["human", "keywords"]
    assert found[0]["chrf"] == pytest.approx(100)
    page = (tmp_path / "page.md").read_text()
    assert f"## Home baking (list of {named.JUDGED})" in page
    assert "| human | Home baking |" in page
    assert (tmp_path / "n.png").stat().st_size > 1_000


def test_wrong_use_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = named.some(tmp_path / "data")
    assert evaluate("--data", data, "--adapter", "names") == 2
    assert "need a server" in capsys.readouterr().err
    assert evaluate("--data", data, "--json", tmp_path / "no" / "n.json") == 2
    assert "does not exist" in capsys.readouterr().err
    assert evaluate("--data", tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_server_that_is_not_there_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = named.some(tmp_path / "data")
    assert evaluate("--data", data, "--vllm-url", "http://127.0.0.1:9") == 1
    assert capsys.readouterr().err.count("journeys: ") == 1


async def test_every_experiment_runs_on_a_server(tmp_path: Path, stub: Stub) -> None:
    import asyncio

    stub.adapters.append("names")
    data = named.some(tmp_path / "data")
    code = await asyncio.to_thread(
        evaluate,
        "--data",
        data,
        "--vllm-url",
        stub.url,
        "--adapter",
        "names",
        "--json",
        tmp_path / "n.json",
    )
    assert code == 0
    found = json.loads((tmp_path / "n.json").read_text())["methods"]
    assert [(row["experiment"], row["method"]) for row in found] == [
        *(("technique", name) for name in ("human", "keywords", "few-shot", "fine-tuned")),
        ("one answer", "few-shot"),
        ("one answer", "fine-tuned"),
        ("input", "titles only"),
        ("input", "keywords only"),
        ("calls", "one for all"),
        ("depth", "2 titles"),
        ("depth", "10 titles"),
        ("depth", "16 titles"),
    ]
    assert found[2]["well_formed"] == 1
    plain = [chat for chat in stub.chats if chat["model"] == "names"]
    assert plain
    assert all(len(chat["messages"]) == 2 for chat in plain)  # no examples for a tuned model

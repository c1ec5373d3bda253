"""`journeys evaluate naming`: the measures on cases made by hand, and the command on a stub."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.datasets import named_groups
from models.datasets.named_groups import Group
from models.encoders.encoder import Encoder
from models.engine.params import EngineParams
from models.evaluation.naming import marks, people
from models.evaluation.naming.cases import Case, users
from models.evaluation.naming.controls import CONTROLS, controls
from models.evaluation.naming.judge import open_judge
from models.evaluation.naming.marks import Shown
from models.evaluation.naming.scores import Named, Score, score
from models.evaluation.naming.unseen import Unseen
from models.vectors import Vectors
from streams.cli import main
from tests.support import named
from tests.support.naming import LISTS
from tests.support.vllm_stub import Stub

WORDS = ("sourdough", "sailing", "chess", "telescopes", "beekeeping", "bread")
TWICE = {
    topic: (*titles, *(f"{title}, once more" for title in titles))
    for topic, titles in LISTS.items()
}
LONG = {topic: tuple(f"{topic} {title}" for title in titles) for topic, titles in LISTS.items()}


class Counter:
    """Encodes a text by which of the known words it has."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        rows = np.array(
            [[float(word in text.lower()) for word in WORDS] + [1e-3] for text in texts], np.float32
        )
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def case(topic: str, *humans: str, theme: str = "") -> Case:
    group = Group(topic, "list", "a list", topic, LONG[topic], theme)
    return Case(
        group,
        LONG[topic],
        [f"An unseen title on {topic}"] * 3,
        humans or (topic,),
        Counter().encode([topic])[0],
    )


def shown(journey: Case, name: str, own: bool = True) -> Named:
    return Named(journey, journey.group.request(journey.exemplars()), name, own)


def judged(names: dict[str, str], own: bool = True) -> Score:
    """The scores of topics that are called so, each by a user of its own."""
    return score([[shown(case(t), name, own)] for t, name in names.items()], Unseen(Counter()))


def test_a_humans_name_has_the_best_scores_and_any_of_several_humans_will_do() -> None:
    named_so = [shown(case("sailing", "Boats", "Ocean sailing trips"), "OCEAN sailing trips")]
    result = score([named_so], Unseen(Counter()))
    assert (result.bleu, result.chrf) == pytest.approx((100, 100))
    assert result.cosine == pytest.approx(1)
    assert (result.own, result.unseen, result.well_formed, result.distinct) == (1, 1, 1, 1)


def test_unseen_titles_tell_right_names_from_those_of_a_neighbour_and_from_broad_ones() -> None:
    right = judged({topic: f"{topic} things" for topic in LISTS})
    turned = dict(zip(LISTS, [*list(LISTS)[1:], next(iter(LISTS))], strict=True))
    wrong = judged(turned)
    broad = judged(dict.fromkeys(LISTS, " ".join(LISTS)))
    assert (right.unseen, wrong.unseen, broad.unseen) == pytest.approx((1, 0, 1 / len(LISTS)))
    assert (right.fits, broad.fits) == (1, len(LISTS))
    assert right.margin > broad.margin > wrong.margin


def test_keywords_in_place_of_a_name_are_no_merit_of_the_method() -> None:
    result = judged({"sailing": "Sailing", "chess": "Chess"}, own=False)
    assert (result.own, result.unseen, result.shown) == (0, 0, 1)


def test_distinct_counts_pairs_within_a_user_only() -> None:
    names = {"sailing": "Sailing boats", "chess": "Boat sailing", "sourdough": "Sourdough bread"}
    one = [shown(case(topic), name) for topic, name in names.items()]
    assert score([one], Unseen(Counter())).distinct == pytest.approx(2 / 3)
    assert score([[each] for each in one], Unseen(Counter())).distinct == 1


def test_controls_are_worse_in_the_way_that_they_say() -> None:
    users = [[shown(case(t, theme="Hobbies"), f"The {t} of all") for t in ("sailing", "chess")]]
    made = {**controls("human", users), **controls("keywords", users)}
    said = {control: [each.name for each in whole[0]] for control, whole in made.items()}
    assert said["keywords of a neighbour"] == ["The chess of all", "The sailing of all"]
    assert said["broad"] == ["Hobbies", "Hobbies"]
    assert sorted(said["human, shuffled"][0].split()) == ["The", "all", "of", "sailing"]
    assert said["human, shuffled"][0] != "The sailing of all"
    assert said["three best words"][0].startswith("sailing, ")


def test_the_judge_is_another_encoder_and_knows_what_belongs_together() -> None:
    judge = open_judge()
    assert judge.name.startswith("all-MiniLM")
    name, title, other = judge.encode(
        ["Ocean sailing", "A yacht in a storm", "Feeding a rye starter"]
    )
    assert name @ title > name @ other + 0.2


def test_users_have_journeys_of_every_list_and_the_same_ones_every_time(tmp_path: Path) -> None:
    rows = [
        named.section(
            f"{named.JUDGED}", f"{topic} {number}", tuple(f"{title} {number}" for title in titles)
        )
        for number in range(6)
        for topic, titles in TWICE.items()
    ]
    rows += [named.section("RSS feeds", "Chess", TWICE["chess"])]
    rows += [named.section("RSS feeds", "Miscellanea", TWICE["sailing"])]  # no title bears it out
    rows += [named.section("RSS feeds", "Few chess titles", LISTS["chess"])]
    judged_on = named_groups.read(named.write(tmp_path, rows, []), "odd")
    encoder = Encoder.open("fast")
    made, again = (users(judged_on, 10, encoder.encode) for _ in range(2))
    cases = [each for user in made for each in user]
    assert [each.group for each in cases] == [each.group for user in again for each in user]
    assert [each.unseen for each in cases] == [each.unseen for user in again for each in user]
    assert len(cases) == 10
    [feeds] = [each for each in cases if each.group.source == "RSS feeds"]
    assert feeds.humans[0] == "Chess"
    for each in cases:
        assert len(each.titles) >= 5
        assert len(each.unseen) >= 3
        assert not set(each.group.titles) & set(each.unseen)
        nearness = encoder.encode(each.exemplars(5)) @ each.centre
        assert list(nearness) == sorted(nearness, reverse=True)


def test_a_persons_journeys_are_named_by_their_topics(tmp_path: Path) -> None:
    """Twelve weeks of sailing and chess each; of one topic there are too few."""
    lives, topics = [], ["event_id,topic"]
    for user in ("u0", "u1"):
        for week in range(12):
            for topic in ("sailing", "chess"):
                event = f"{user}-{topic}-{week}"
                title = f"{TWICE[topic][week % 10]} {topic}"
                at = f"2024-{1 + week // 4:02}-{1 + 7 * (week % 4):02}T12:00:00Z"
                lives.append({"event_id": event, "user_id": user, "item_id": event, "title": title})
                lives[-1]["occurred_at"] = at
                topics += [f"{event},{topic}-sport", *([f"{event},rare"] if week < 2 else [])]
    lives.sort(key=lambda life: life["occurred_at"])
    with gzip.open(tmp_path / "activities.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(life) + "\n" for life in lives)
    with gzip.open(tmp_path / "topics.csv.gz", "wt") as file:
        file.write("\n".join(topics) + "\n")
    encoder = Encoder.open("fast")
    groups = people.read(tmp_path, encoder.encode, EngineParams(scale=encoder.scale))
    assert {group.source for group in groups} == {"u1"}, "the odd ones"
    assert {group.name for group in groups} == {"sailing sport", "chess sport"}
    assert all(group.also == () for group in groups)


def test_a_reader_marks_a_blind_page_and_is_told_by_technique(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = enough(tmp_path / "data")
    page = tmp_path / "names.md"
    assert evaluate("--data", data, "--page", page) == 0
    text = page.read_text()
    assert "human" not in text
    assert "keywords" not in text
    key = json.loads((tmp_path / "names.key.json").read_text())
    humans = {
        name
        for journey in key
        for name, by in zip(journey["names"], journey["methods"], strict=True)
        if "human" in by
    }
    for name in humans:
        text = text.replace(f"- [ ] {name}\n", f"- [x] {name}\n")
    page.write_text(text)
    capsys.readouterr()
    assert run("evaluate", "marks", page, page, "--key", tmp_path / "names.key.json") == 0
    out = capsys.readouterr().out
    [line] = [line for line in out.splitlines() if " human " in line]
    assert "1.00" in line
    assert f"{len(key)} of {len(key)} interests read" in out
    assert "kappa): 1.00" in out


KEY = [Shown("a", "list", ["Chess", "Rook, pawn"], [["human", "few-shot"], ["keywords"]])]
PAGE = "## 1\n- [x] Chess\n- [ ] Rook, pawn\n- [ ] none of them\n"


def test_marks_are_shares_with_an_interval_and_what_is_not_read_does_not_count() -> None:
    [few, human, keywords] = marks.told([marks.read(PAGE, KEY)], KEY)
    assert (few.method, few.published, few.names) == ("few-shot", 1, 1)
    assert (human.published, keywords.published) == (1, 0)
    assert few.low == pytest.approx(0.2065, abs=1e-3)  # Wilson's, for one of one
    none = PAGE.replace("x", " ").replace("[ ] none", "[x] none")
    assert [each.published for each in marks.told([marks.read(none, KEY)], KEY)] == [0, 0, 0]
    assert marks.told([marks.read(PAGE.replace("x", " "), KEY)], KEY) == []


def test_another_page_than_the_keys_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k.key.json").write_bytes(msgspec.json.encode(KEY))
    (tmp_path / "k.md").write_text(PAGE.replace("- [ ] Rook, pawn\n", ""))
    assert run("evaluate", "marks", tmp_path / "k.md") == 1
    assert "interest 1 of the page is not that of the key" in capsys.readouterr().err
    (tmp_path / "k.md").write_text(PAGE.replace("[ ] none", "[x] none"))
    assert run("evaluate", "marks", tmp_path / "k.md") == 1
    assert "names are marked, and that there is none" in capsys.readouterr().err


def enough(folder: Path) -> Path:
    """Groups to be judged on, of ten titles each, some of which bear their names out."""
    names = {"sourdough": "Sourdough bread", "sailing": "Sailing boats", "chess": "Chess games"}
    sections = [named.section(named.JUDGED, name, TWICE[topic]) for topic, name in names.items()]
    stars = named.subreddit("Stargazing", named.JUDGED_TOO, "Telescopes", TWICE["telescopes"])
    return named.write(folder, sections, [stars])


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def evaluate(*arguments: str | Path) -> int:
    return run("evaluate", "naming", *arguments)


def test_keywords_need_no_server_and_come_beside_the_human(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = enough(tmp_path / "data")
    assert (
        evaluate("--data", data, "--json", tmp_path / "n.json", "--plot", tmp_path / "n.png") == 0
    )
    assert "keywords" in capsys.readouterr().out
    found = json.loads((tmp_path / "n.json").read_text())["methods"]
    assert [row["method"] for row in found[:2]] == ["human", "keywords"]
    assert {row["experiment"] for row in found[2:]} == {"control"}
    assert found[0]["chrf"] == pytest.approx(100)
    assert (tmp_path / "n.png").stat().st_size > 1_000


def test_wrong_use_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = enough(tmp_path / "data")
    assert evaluate("--data", data, "--adapter", "names") == 2
    assert "need a server" in capsys.readouterr().err
    assert evaluate("--data", data, "--json", tmp_path / "no" / "n.json") == 2
    assert "does not exist" in capsys.readouterr().err
    assert evaluate("--data", tmp_path) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_server_that_is_not_there_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = enough(tmp_path / "data")
    assert evaluate("--data", data, "--vllm-url", "http://127.0.0.1:9") == 1
    assert capsys.readouterr().err.count("journeys: ") == 1


async def test_every_experiment_runs_on_a_server(tmp_path: Path, stub: Stub) -> None:
    import asyncio

    stub.adapters.append("names")
    data = enough(tmp_path / "data")
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
        *(("N1 technique", name) for name in ("human", "keywords", "few-shot", "fine-tuned")),
        ("N1 one answer", "few-shot"),
        ("N1 one answer", "fine-tuned"),
        ("N2 input", "titles and keywords"),
        ("N2 input", "titles only"),
        ("N2 input", "keywords only"),
        ("N2 depth", "2 titles"),
        ("N2 depth", "10 titles"),
        ("N2 depth", "16 titles"),
        ("N3 calls", "one a journey"),
        ("N3 calls", "one for all"),
        *(("control", name) for name in CONTROLS if CONTROLS[name][0] == "human"),
        *(("control", name) for name in CONTROLS if CONTROLS[name][0] == "keywords"),
    ]
    assert found[2]["well_formed"] == 1
    plain = [chat for chat in stub.chats if chat["model"] == "names"]
    assert plain
    assert all(len(chat["messages"]) == 2 for chat in plain)  # no examples for a tuned model

"""The evaluation counts right, on cases whose answer is known."""

import gzip
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.metrics import adjusted_rand_score, v_measure_score

from models.datasets import invented, people
from models.datasets.people import Collection, Half, Person
from models.engine.params import DAY_MS, EngineParams
from models.errors import JourneysError, Reason, Rejected, SettingsError
from models.evaluation.extraction import (
    baselines,
    engine,
    experiment,
    fit_confidence,
    river_clusterers,
)
from models.evaluation.extraction.calibration import calibrate, fit_logistic, logistic, outcomes
from models.evaluation.extraction.judge import Found, agreement, by_rule, match, promotions, score
from models.records import Activity
from models.vectors import Vectors
from streams.cli import extras, main
from tests.support.lives import START, WEEK, topic

PARAMS = EngineParams()
WEEKLY = [WEEK * week for week in range(8)]  # days: eight windows, one activity each


def encode(titles: Sequence[str]) -> Vectors:
    """The vector of "<topic number> <anything>" is about that topic."""
    return np.stack(
        [topic(int(title.split()[0]), len(title) + 31 * ord(title[-1])) for title in titles]
    )


def person(*interests: tuple[int, Sequence[float]], user_id: str = "u") -> Person:
    """Someone with activities of each topic on days after START."""
    days = sorted((day, number) for number, its in interests for day in its)
    life = [
        (
            Activity(
                f"{user_id}:{i}",
                user_id,
                f"{user_id}:{i}",
                f"{number} title {i}",
                START + int(day * DAY_MS),
            ),
            f"t{number}",
        )
        for i, (day, number) in enumerate(days)
    ]
    return people.embedded({user_id: life}, encode)[0]


def labelled(its: Person) -> list[int]:
    """The clusters of a perfect clusterer."""
    return [int(label[1:]) for label in its.labels]


@pytest.mark.parametrize(
    ("days", "window"),
    [
        (WEEKLY, 4),  # the fifth activity makes it one
        (WEEKLY[:4], None),  # four are too few
        ([0, 1, 2, 7, 14], 2),  # the third window makes it one
        ([day / 10 for day in range(60)], None),  # a binge is none
        ([0, 1, 2, 3, 49, 98], None),  # active windows too far apart
        ([0, 1, 63, 70, 77], 11),  # what is older than six windows still counts as activity
    ],
)
def test_the_promotion_rule(days: Sequence[float], window: int | None) -> None:
    moments = [START + int(day * DAY_MS) for day in days]
    first = START // PARAMS.window_ms
    expected = {} if window is None else {"a": first + window}
    assert promotions(["a"] * len(days), moments, PARAMS) == expected


def test_a_perfect_clusterer_is_perfect() -> None:
    its = person((0, WEEKLY), (1, WEEKLY), (2, [3.0, 3.1, 3.2]))
    perfect = score([its], [by_rule(its, labelled(its), PARAMS)], PARAMS)
    assert (perfect.precision, perfect.recall, perfect.f1, perfect.delay) == (1, 1, 1, 0)
    assert perfect.v_measure == pytest.approx(1)
    assert (perfect.ari, perfect.items, perfect.exact) == (1, 1, 1)
    assert (perfect.journeys, perfect.few, perfect.length, perfect.weeks) == (2, 1, 8, 7)


def test_a_second_journey_for_a_label_is_a_false_one() -> None:
    its = person((0, [*WEEKLY, *[day + 1 for day in WEEKLY]]))
    split = by_rule(its, [0, 1] * 8, PARAMS)
    halved = score([its], [split], PARAMS)
    assert list(match(its, split, PARAMS)) == [0], "the earlier one claims it"
    assert (halved.precision, halved.recall, halved.exact) == (0.5, 1, 0)
    assert halved.f1 == pytest.approx(2 / 3)
    assert halved.items == 0.5
    assert halved.delay == 2, "five activities of each half come two weeks later"


def test_most_means_more_than_half() -> None:
    its = person((0, WEEKLY), (1, [day + 1 for day in WEEKLY]))
    lumped = by_rule(its, [0] * 16, PARAMS)
    assert not match(its, lumped, PARAMS)
    assert score([its], [lumped], PARAMS).f1 == 0


def test_a_journey_of_a_label_without_one_is_false() -> None:
    its = person((0, WEEKLY[:3]), (1, [0.5, 1.5]))
    found = by_rule(its, [0] * 5, PARAMS)
    assert list(found.journeys) == [0]
    assert not match(its, found, PARAMS)


def test_nothing_found_is_no_error() -> None:
    its = person((0, WEEKLY))
    nothing = score([its], [by_rule(its, list(range(8)), PARAMS)], PARAMS)
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.delay) == (0, 0, 0, None)


def test_agreement_is_what_scikit_learn_says() -> None:
    random = np.random.default_rng(0)
    for labels, clusters in ((1, 1), (1, 5), (5, 1), (4, 3), (30, 30)):
        true = random.integers(labels, size=60).tolist()
        found = random.integers(clusters, size=60).tolist()
        v_measure, ari = agreement(true, found)
        assert v_measure == pytest.approx(v_measure_score(true, found), abs=1e-9)
        assert ari == pytest.approx(adjusted_rand_score(true, found), abs=1e-9)


def test_the_engine_finds_what_is_there_and_no_binge() -> None:
    calm = person((0, WEEKLY), (1, [day + 2 for day in WEEKLY]))
    binge = person((3, [day / 20 for day in range(60)]), user_id="b")
    found = [engine.run(each, PARAMS) for each in (calm, binge)]
    assert len(match(calm, found[0], PARAMS)) == len(found[0].journeys) == 2
    assert not found[1].journeys
    assert found[0].confidence.keys() == found[0].journeys.keys()
    assert all(0 < sure < 1 for sure in found[0].confidence.values())


class Scripted:
    """An engine that says what a test wants, activity by activity."""

    says: tuple[tuple[str, list[tuple[str, str]], str | None], ...] = ()

    def __init__(self, params: EngineParams) -> None:
        self.left = list(self.says)

    def new_user(self, user_id: str) -> None:
        return None

    def activity(self, user: None, activity: Activity, vector: Vectors) -> Any:
        cluster_id, merged, started = self.left.pop(0)
        if cluster_id == "refused":
            raise Rejected(Reason.TOO_LATE, "its window is no longer kept")
        changes = [
            SimpleNamespace(
                kind="started",
                occurred_at=activity.occurred_at,
                journey=SimpleNamespace(cluster_id=started, confidence=0.7),
            )
        ]
        return SimpleNamespace(
            cluster_id=cluster_id, merged=merged, changes=changes if started else []
        )


def test_what_was_merged_counts_as_what_it_went_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "Engine", Scripted)
    monkeypatch.setattr(
        Scripted,
        "says",
        (
            ("a", [], None),
            ("b", [], "b"),
            ("c", [], "c"),
            ("a", [("c", "b")], None),
            ("b", [("b", "a")], None),
            ("refused", [], None),
            ("d", [], None),
        ),
    )
    its = person((0, WEEKLY[:7]))
    found = engine.run(its, PARAMS)
    assert found.clusters == [0, 0, 0, 0, 0, found.clusters[5], found.clusters[6]]
    assert len(set(found.clusters)) == 3, "an activity that is refused is alone"
    first = START // PARAMS.window_ms
    assert found.journeys == {0: first + 1}, "one journey, since the earlier of the two"
    assert found.confidence == {0: 0.7}


@pytest.mark.parametrize(
    ("cluster", "choice"),
    [
        (baselines.leader, 0.5),
        (baselines.average_link, 0.5),
        (baselines.ward, 2.0),
        (baselines.true_centroids, 0.0),
        (river_clusterers.dbstream, 0.9),
        (river_clusterers.denstream, 0.9),
        (river_clusterers.textclust, 0.9),
    ],
)
def test_every_method_takes_clear_topics_apart(cluster: Any, choice: float) -> None:
    days = [day * 2.0 for day in range(30)]
    its = person((0, days), (1, [day + 1 for day in days]))
    if cluster is river_clusterers.textclust:
        its = Person(
            "u",
            [
                Activity(
                    a.event_id,
                    "u",
                    a.item_id,
                    "jazz concert" if label == "t0" else "sourdough bread",
                    a.occurred_at,
                )
                for a, label in zip(its.activities, its.labels, strict=True)
            ],
            its.labels,
            its.vectors,
        )
    clusters = cluster(its, choice)
    assert agreement(its.labels, clusters)[0] == pytest.approx(1)


def test_a_ceiling_leaves_the_activity_itself_out() -> None:
    its = person((0, [0, 2, 4]), (1, [1, 3]), (2, [5]))
    clusters = baselines.true_centroids(its)
    assert len(set(clusters)) == 2, "a label's only activity has no centroid of its own"


def test_clusters_that_are_not_personalised() -> None:
    crowd = [person((0, WEEKLY), (1, WEEKLY), user_id="a"), person((0, WEEKLY), user_id="b")]
    apart = baselines.content_clusters(crowd, 2)
    assert agreement([*crowd[0].labels, *crowd[1].labels], [*apart[0], *apart[1]])[0] > 0.99
    assert not baselines.items_are_shared(crowd)


def test_co_occurrence_puts_items_of_the_same_people_together() -> None:
    def seen(user_id: str, items: Sequence[str]) -> Person:
        life = [
            (Activity(f"{user_id}{i}", user_id, item, f"0 {item}", START), item[0])
            for i, item in enumerate(items)
        ]
        return people.embedded({user_id: life}, encode)[0]

    crowd = [
        seen("u", ["a1", "a2", "a3"]),
        seen("v", ["a1", "a2", "a3"]),
        seen("w", ["b1", "b2", "b3"]),
        seen("x", ["b1", "b2", "b3"]),
    ]
    assert baselines.items_are_shared(crowd)
    found = baselines.cooccurrence_clusters(crowd, 2)
    assert agreement(
        [label for each in crowd for label in each.labels],
        [cluster for own in found for cluster in own],
    )[0] == pytest.approx(1)


def test_calibration_on_known_outcomes() -> None:
    honest = calibrate([(0.75, True)] * 3 + [(0.75, False)])
    assert honest is not None
    assert (honest.error, honest.right, honest.count) == (0, 0.75, 4)
    boastful = calibrate([(0.95, False)] * 2 + [(0.25, True)] * 2)
    assert boastful is not None
    assert boastful.error == pytest.approx((2 * 0.95 + 2 * 0.75) / 4)
    assert [(each.low, each.count, each.right) for each in boastful.bins] == [
        (0.2, 2, 1.0),
        (0.9, 2, 0.0),
    ]
    assert calibrate([(1.0, True)]) is not None, "sure of all it knows is in the last bin"
    assert calibrate([]) is None


def test_confidence_is_judged_by_whether_the_journey_is_right() -> None:
    its = person((0, WEEKLY), (1, [0.5, 1.5]))
    numbers = labelled(its)
    perfect = by_rule(its, numbers, PARAMS)
    found = Found(perfect.clusters, {**perfect.journeys, 1: 3000}, {0: 0.9, 1: 0.6})
    assert outcomes([its], [found], PARAMS) == [(0.9, True), (0.6, False)]


def test_the_fit_finds_the_coefficients_behind_the_outcomes() -> None:
    random = np.random.default_rng(0)
    features = random.standard_normal((20_000, 2))
    design = np.column_stack([features, np.ones(len(features))])
    truth = np.array([1.5, -0.5, 0.8])
    right = (random.random(len(features)) < logistic(design, truth)).astype(float)
    assert fit_logistic(features, right) == pytest.approx(truth, abs=0.06)


def test_what_a_confidence_can_be_made_from() -> None:
    its = people.Collection("one", [person((0, WEEKLY), (1, WEEKLY))], "")
    features, published, right = fit_confidence.samples(its, PARAMS)
    assert features.shape == (2, len(fit_confidence.FEATURES))
    named = dict(zip(fit_confidence.FEATURES, features.T, strict=True))
    assert named["windows"] == pytest.approx([5 / 6, 5 / 6])
    assert named["evidence"] == pytest.approx([1, 1])
    assert (named["cohesion"] > 0.7).all()
    assert named["share"] == pytest.approx([np.log2(5 / 9), -1]), "of 9 and of 10 activities"
    assert published.shape == right.shape == (2,)
    assert right.all()


def test_the_fit_stays_finite_where_all_is_right() -> None:
    assert np.isfinite(fit_logistic(np.ones((5, 1)), np.ones(5))).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a little of everything."""
    rows: list[tuple[dict[str, Any], str]] = []
    interests = list(enumerate(("jazz concert", "sourdough bread")))
    for number, (interest, about), week in product(range(12), interests, range(7)):
        rows.append(
            (
                {
                    "event_id": f"u{number}:{interest}:{week}",
                    "user_id": f"u{number:02}",
                    "item_id": f"{interest}:{week}",
                    "title": f"{about} part {week}",
                    "occurred_at": START + (WEEK * week + interest) * DAY_MS,
                },
                about,
            )
        )
    rows.sort(key=lambda row: row[0]["occurred_at"])
    write(tmp_path / "crowd" / "activities.jsonl", "\n".join(json.dumps(a) for a, _ in rows))
    write(
        tmp_path / "crowd" / "truth.csv",
        "event_id,label\n" + "\n".join(f"{a['event_id']},{label}" for a, label in rows),
    )
    write(
        tmp_path / "names" / "sections.jsonl.gz",
        "\n".join(
            json.dumps(
                {
                    "id": f"{context}{i}",
                    "context": context,
                    "name": f"{i}",
                    "items": [f"{context} {i} entry {n}" for n in range(12)],
                }
            )
            for context in ("tools", "books", "games", "films", "music")
            for i in range(3)
        ),
    )
    write(
        tmp_path / "clinc150" / "texts.csv.gz",
        "split,domain,label,text\n"
        + "\n".join(f"train,d,intent{i},intent{i} please {n}" for i in range(6) for n in range(4)),
    )
    write(
        tmp_path / "topics" / "posts_1.csv.gz",
        "post_id,ts,label,title\n"
        + "\n".join(
            f"p{i}-{n},{(START + n * 9 * DAY_MS) // 1000},topic{i},topic{i} post {n}"
            for i in range(8)
            for n in range(80)
        ),
    )
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt") if path.suffix == ".gz" else path.open("w") as file:
        file.write(text)


def anything(titles: Sequence[str]) -> Vectors:
    """Vectors where they do not matter."""
    return np.ones((len(titles), 2), np.float32) / np.float32(2**0.5)


def test_halves_of_people_do_not_overlap(data: Path) -> None:
    even, odd, both = (
        people.read(data / "crowd", half, 100, anything) for half in ("even", "odd", "all")
    )
    names = [{each.user_id for each in collection.people} for collection in (even, odd, both)]
    assert not names[0] & names[1]
    assert names[0] | names[1] == names[2]
    assert len(names[2]) == 12
    assert [each.user_id for each in people.read(data / "crowd", "odd", 2, anything).people] == [
        "u01",
        "u03",
    ]


def test_halves_of_topics_and_lists_do_not_overlap(data: Path) -> None:
    makers: tuple[Callable[[Half], Collection], ...] = (
        lambda half: invented.people(data, half, 5, anything),
        lambda half: invented.mixed(data, half, 9, anything, alike=True),
        lambda half: next(invented.short_texts(data, half, 3, anything)),
    )
    halves: tuple[Half, ...] = ("even", "odd")
    for make in makers:
        even, odd = (
            {label for each in make(half).people for label in each.labels} for half in halves
        )
        assert even
        assert odd
        assert not even & odd


def test_what_is_invented_is_the_same_every_time(data: Path) -> None:
    def titles() -> list[list[str]]:
        return [
            [activity.title for activity in each.activities]
            for _, collection in experiment.collections(
                data, "invented", "all", experiment.QUICK, anything
            )
            for each in collection.people
        ]

    assert titles() == titles()


def test_mixed_lists_are_two_in_time_order(data: Path) -> None:
    for alike in (False, True):
        mixed = invented.mixed(data, "all", 6, anything, alike=alike)
        for each in mixed.people:
            assert len(set(each.labels)) == 2
            assert each.moments == sorted(each.moments)
            lists = {label[:-1] for label in each.labels}
            assert len(lists) == (1 if alike else 2)


def test_a_missing_label_is_told_with_its_line(data: Path) -> None:
    write(data / "crowd" / "truth.csv", "event_id,label\nu0:0:0,jazz")
    with pytest.raises(JourneysError, match=r"activities\.jsonl: line 2: no label for 'u1:0:0'"):
        people.read_lives(data / "crowd")


def test_a_folder_without_collections_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no collection in it"):
        experiment.available(tmp_path)
    with pytest.raises(SettingsError, match="no such folder"):
        experiment.available(tmp_path / "gone")


def test_too_little_to_invent_from_is_told(data: Path) -> None:
    write(data / "names" / "sections.jsonl.gz", "")
    write(data / "topics" / "posts_1.csv.gz", "post_id,ts,label,title\np,1300000000,one,a post")
    with pytest.raises(JourneysError, match="too few lists"):
        invented.mixed(data, "all", 3, anything, alike=False)
    with pytest.raises(JourneysError, match="no two topics"):
        invented.people(data, "all", 3, anything)


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", "extraction", "--data", str(data), *arguments])


def test_the_command_on_a_little_of_everything(data: Path) -> None:
    json_to, plot_to = data / "scores.json", data / "scores.png"
    result = run(
        data,
        "--collections",
        "crowd,mixed,texts",
        "--users",
        "all",
        "--quick",
        "--json",
        str(json_to),
        "--plot",
        str(plot_to),
    )
    assert result.exit_code == 0, result.output
    for text in (
        "crowd: 12 of 12 people",
        "E1, crowd",
        "E2, mixed lists",
        "Short texts, clinc150",
        "true centroids",
        "Confidence at promotion",
    ):
        assert text in result.stdout
    report = json.loads(json_to.read_text())
    crowd = report["collections"][0]
    methods = {row["method"]: row["score"] for row in crowd["methods"]}
    assert (crowd["name"], crowd["truth"]["f1"], crowd["truth"]["journeys"]) == ("crowd", 1, 2)
    assert methods["engine"]["f1"] == methods["average link"]["f1"] == 1
    assert "co-occurrence" in methods, "these people share items"
    assert report["calibration"]["crowd"]["right"] == 1
    assert plot_to.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("flags", [(), ("--no-text",)])
def test_texts_are_read_unless_they_are_not_wanted(data: Path, flags: tuple[str, ...]) -> None:
    path, json_to = data / "crowd" / "activities.jsonl", data / "scores.json"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for number, row in enumerate(rows):
        row["title"], row["text"] = f"Note {number}", row["title"]
    path.write_text("\n".join(map(json.dumps, rows)))
    common = ("--collections", "crowd", "--users", "all", "--quick", "--json", str(json_to))
    assert run(data, *common, *flags).exit_code == 0
    report = json.loads(json_to.read_text())
    assert report["text"] is not bool(flags)
    (engine,) = (r for r in report["collections"][0]["methods"] if r["method"] == "engine")
    assert (engine["score"]["f1"] == 1) is not bool(flags)


def test_the_same_numbers_every_time(data: Path) -> None:
    def numbers(name: str) -> str:
        assert run(data, "--collections", "crowd", "--json", str(data / name)).exit_code == 0
        return (data / name).read_text()

    assert numbers("one.json") == numbers("two.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--collections", "crowd,gone"), "no 'gone' among crowd, invented, mixed, texts"),
        (("--plot", "scores.gif"), "a plot can be .png, .svg, .pdf"),
        (("--json", "no-such-folder/scores.json"), "its folder does not exist"),
        (("--users", "some"), "is not one of 'even', 'odd', 'all'"),
    ],
)
def test_what_cannot_be_done_is_said_at_once(
    data: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run(data, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_missing_extra_is_one_line(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    result = run(data)
    assert result.exit_code == 1
    assert result.stderr.startswith("journeys: sklearn, scipy not installed")
    assert "interest-journeys[evaluate]" in result.stderr


def test_help_has_examples_on_both_levels() -> None:
    for arguments in (["evaluate", "--help"], ["evaluate", "extraction", "--help"]):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0
        assert "journeys evaluate extraction --data FOLDER --quick" in result.stdout

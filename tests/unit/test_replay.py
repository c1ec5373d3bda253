import csv
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from models.engine.params import EngineParams
from models.engine.users import UserState
from models.records import cloudevent
from streams.demo.sample.generator import catalogue, generate
from streams.kafka.partitioning import PARTITIONERS, Partitioner
from streams.replay import Replay
from tests.support.processes import replayed, start

LINES = [msgspec.json.encode(activity) for activity in generate().activities]
USERS = {activity["user_id"] for activity in generate().activities}
RULES = [PARTITIONERS["murmur2"], PARTITIONERS["crc32"]]
CACHE = VectorCache(Encoder.open("fast"), 10_000)


def changes(lines: list[bytes], partitions: int = 1, size: int = 500) -> list[bytes]:
    chunks = [lines[i : i + size] for i in range(0, len(lines), size)]
    return [
        cloudevent(change)
        for step in Replay(EngineParams(), CACHE, partitions).run(chunks)
        for outcome in step.outcomes
        for change in outcome.changes
    ]


def by_user(events: Iterable[bytes]) -> dict[str, list[bytes]]:
    by_subject = defaultdict(list)
    for event in events:
        by_subject[json.loads(event)["subject"]].append(event)
    return by_subject


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "activities.jsonl"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_same_log_gives_the_same_bytes_however_it_is_read() -> None:
    once = changes(LINES)
    assert len(once) > 200
    assert changes(LINES) == once
    assert changes(LINES, size=1) == once
    assert changes(LINES, size=4_000) == once


def test_a_log_that_is_sent_twice_changes_what_it_changes_once() -> None:
    assert changes(LINES + LINES) == changes(LINES)


def test_a_repeat_is_told_and_not_assigned_anew(tmp_path: Path) -> None:
    path = tmp_path / "assigned.jsonl"
    code, _, said = replayed("-", "--assignments", path, given=b"\n".join(LINES[:3] + LINES[:2]))
    assert code == 0
    assert "3 activities" in said
    assert "2 repeats skipped" in said
    assert [row["cluster_id"] is not None for row in read(path)] == [True] * 3


def test_partitions_change_no_users_changes_but_how_far_time_has_come() -> None:
    one, four = by_user(changes(LINES)), by_user(changes(LINES, partitions=4))
    assert one.keys() == four.keys()
    for user, events in four.items():
        # One partition's time is ahead of each of four: what is more there came with time alone.
        assert events == one[user][: len(events)]
        assert all(
            json.loads(event)["data"]["cause"].startswith("window:")
            for event in one[user][len(events) :]
        )


def test_neighbours_change_nothing_but_how_far_time_has_come() -> None:
    ada = [line for line in LINES if b'"user_id":"ada"' in line]
    alone, among = changes(ada), by_user(changes(LINES))["ada"]
    assert among[: len(alone)] == alone


def test_a_user_who_does_not_come_back_falls_dormant_by_the_others_time() -> None:
    gone = {
        json.loads(event)["subject"]
        for event in changes(LINES)
        if json.loads(event)["type"] == "journey.dormant.v1"
    }
    assert gone
    cut = [
        line
        for line in LINES
        if not (b'"user_id":"bruno"' in line and b"2024-1" in line)
        and not (b'"user_id":"bruno"' in line and b':"2025' in line)
    ]
    events = [json.loads(event) for event in by_user(changes(cut))["bruno"]]
    stages = {
        event["data"]["journey_id"]: event["type"]
        for event in events
        if "named" not in event["type"]
    }
    assert "journey.dormant.v1" in stages.values()
    assert set(stages.values()) <= {"journey.dormant.v1", "journey.ended.v1"}


def test_command_writes_changes_assignments_and_journeys_that_agree(
    sample: Path, tmp_path: Path
) -> None:
    a, j = tmp_path / "a.jsonl", tmp_path / "j.jsonl"
    code, out, err = replayed(sample, "--assignments", a, "--journeys", j)
    assert code == 0
    assert out.splitlines() == changes(LINES)
    assert f"{len(LINES):,} activities of 24 users" in err
    assigned, final = read(a), read(j)
    assert [row["event_id"] for row in assigned] == [json.loads(line)["event_id"] for line in LINES]
    cluster_of = {row["journey_id"]: row["cluster_id"] for row in final}
    assert len(cluster_of) == len(final)
    for row in assigned:
        assert row["journey_id"] is None or cluster_of[row["journey_id"]] == row["final_cluster_id"]
    in_journeys = {row["journey_id"] for row in assigned} - {None}
    assert in_journeys == {row["journey_id"] for row in final if row["stage"] != "merged"}
    started = {
        json.loads(line)["data"]["journey_id"]
        for line in out.splitlines()
        if b"journey.started.v1" in line
    }
    assert started == cluster_of.keys()
    for row in final:
        assert row["name"]
        assert row["items"]
        assert row["terms"]
        assert row["started_at"] <= row["promoted_at"]
        assert row["stage"] in ("active", "dormant", "ended", "merged")


def test_no_binge_and_no_one_off_of_the_sample_becomes_a_journey(
    sample: Path, tmp_path: Path
) -> None:
    """By the truth behind the sample: a journey's items are seldom those of a one-week interest."""
    short = {(i.user_id, i.interest) for i in generate().truth if i.kind in ("binge", "one-off")}
    interest_of = {
        item["item_id"]: entry["interest"] for entry in catalogue() for item in entry["items"]
    }
    j = tmp_path / "j.jsonl"
    replayed(sample, "--journeys", j)
    wrong = 0
    for row in read(j):
        found = [interest_of[item["item_id"]] for item in row["items"]]
        most = max(sorted(set(found)), key=found.count)
        wrong += (row["user_id"], most) in short
    assert wrong <= len(read(j)) * 0.05


def test_vectors_on_disk_are_used_only_when_asked_and_change_nothing(
    sample: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    wanted = replayed(sample, "--data-dir", folder)
    assert wanted[0] == 0
    assert not folder.exists()
    for _ in range(2):
        code, changes, _ = replayed(sample, "--stored-vectors", "--data-dir", folder)
        assert (code, changes) == wanted[:2]
        assert (folder / "vectors").is_dir()


def test_gzip_and_stdin_are_the_same_as_the_file(sample: Path, tmp_path: Path) -> None:
    packed = tmp_path / "activities.any-name"
    packed.write_bytes(gzip.compress(sample.read_bytes()))
    plain = replayed(sample)[1]
    assert replayed(packed)[1] == plain
    assert replayed("-", given=packed.read_bytes())[1] == plain


def test_bad_lines_are_told_and_kept_and_the_run_goes_on(sample: Path, tmp_path: Path) -> None:
    bad = [
        b"no json",
        b"[]",
        b"\xff\xfe",
        LINES[0].replace(b'"title":"', b'"title":"' + b"x" * 10**6),
        LINES[0].replace(b'"v":1', b'"v":9'),
    ]
    mixed = [*bad[:2], *LINES[:1000], b"", b"  ", *bad[2:], *LINES[1000:]]
    r = tmp_path / "r.jsonl"
    code, out, err = replayed("-", "--rejects", r, given=b"\n".join(mixed))
    assert code == 0
    assert out == replayed(sample)[1]
    assert "line 1 rejected: not_json" in err
    assert "5 lines rejected" in err
    rejects = read(r)
    assert [row["line"] for row in rejects] == [1, 2, 1005, 1006, 1007]
    assert [row["reason"] for row in rejects] == [
        "not_json",
        "invalid",
        "not_json",
        "too_large",
        "unknown_version",
    ]
    assert rejects[0]["value"] == "no json"
    assert len(rejects[3]["value"]) > 10**6


def test_an_activity_that_is_too_late_is_a_rejected_line(sample: Path) -> None:
    first, last = json.loads(LINES[0]), json.loads(LINES[-1])
    late = {**first, "event_id": "late", "user_id": last["user_id"]}
    code, _, err = replayed("-", given=b"\n".join([*LINES, msgspec.json.encode(late)]))
    assert code == 0
    assert f"line {len(LINES) + 1} rejected: too_late" in err


@pytest.mark.parametrize(
    "args",
    [
        ["no-such-file"],
        ["-", "--encoder", "/no/such/folder"],
        ["-", "--promote-windows", "9"],
        ["-", "--partitions", "0"],
        ["-", "--journeys", "/no/such/folder/j.jsonl"],
    ],
)
def test_wrong_usage_is_one_line_and_no_zero(args: tuple[str, ...]) -> None:
    code, out, err = replayed(*args, given=LINES[0])
    assert code in (1, 2)
    assert out == b""
    assert len(err.splitlines()) == 1
    assert err.startswith("journeys: ")


def test_broken_gzip_is_one_clear_error() -> None:
    code, _, err = replayed("-", given=gzip.compress(b"\n".join(LINES))[:5000])
    assert code == 1
    assert "broken gzip data" in err


def test_a_slow_pipe_is_not_waited_for(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from streams.cli import main; main()", "replay", "-"]
    process = start(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n".join(LINES[:400]) + b"\n")
    process.stdin.flush()
    assert b"journey.started.v1" in process.stdout.readline()  # and stdin is still open
    process.stdin.close()
    process.stdout.read()
    assert process.wait(timeout=30) == 0


def test_a_log_of_another_partitioner_has_the_same_journeys_under_ids_of_their_own() -> None:
    def ids(partitioner: Partitioner) -> tuple[set[str], int]:
        replay = Replay(EngineParams(), CACHE, 4, partitioner)
        found = [c for step in replay.run([LINES]) for o in step.outcomes for c in o.changes]
        return {change.journey_id for change in found}, len(found)

    ours, count = ids(PARTITIONERS["murmur2"])
    theirs, as_many = ids(PARTITIONERS["crc32"])
    assert (len(theirs), as_many) == (len(ours), count)
    home = {user for user in USERS if len({p(user.encode(), 4) for p in RULES}) == 1}
    assert 0 < len(home) < len(USERS)
    prefixes = {f"j{UserState(user).prefix}" for user in home}
    assert {id.partition("-")[0] for id in ours & theirs} <= prefixes
    assert ours - theirs


def test_files_of_several_kinds_are_one_log(sample: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in LINES]
    third = len(rows) // 3
    names = ["event_id", "user_id", "item_id", "title", "occurred_at"]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-16") as file:
        writer = csv.DictWriter(file, names, delimiter=";", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows[:third])
    (tmp_path / "b").write_bytes(b"\xef\xbb\xbf" + b"\n".join(LINES[third : 2 * third]))
    (tmp_path / "c").write_text(json.dumps(rows[2 * third :]))
    plain = [line for line in LINES if b'"terms"' not in line]
    assert len(plain) == len(LINES), "the table leaves out nothing that counts"
    code, out, err = replayed(tmp_path / "a.csv", tmp_path / "b", tmp_path / "c")
    assert code == 0, err
    assert out == replayed(sample)[1]


def test_a_newest_first_file_is_told_and_sorted_if_asked(sample: Path, tmp_path: Path) -> None:
    path = tmp_path / "newest-first.jsonl"
    path.write_bytes(b"\n".join(LINES[::-1]))
    code, out, err = replayed(path)
    assert code == 0
    assert "newest first? see --sort" in err
    code, out, err = replayed(path, "--sort")
    assert code == 0
    assert "newest first" not in err
    assert "; 0 lines rejected" in err
    by_time = sorted(LINES[::-1], key=lambda line: json.loads(line)["occurred_at"])
    assert out.splitlines() == changes(by_time)
    assert "newest first" not in replayed(sample)[2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"who;what\nme;this\n", "looks like CSV with columns who, what: give --input"),
        pytest.param(gzip.compress(gzip.compress(LINES[0])), "binary: gzip", id="gzip"),
    ],
)
def test_a_file_of_no_use_is_one_line_and_no_zero(content: bytes, said: str) -> None:
    code, out, err = replayed("-", given=content)
    assert code == 1
    assert out == b""
    assert said in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("journeys: <stdin>: nothing in it could be used")


def test_bare_ids_and_a_catalogue_are_the_same_as_titles(sample: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in LINES]
    items, bare = tmp_path / "items.jsonl", tmp_path / "bare.jsonl"
    titles = {row["item_id"]: row["title"] for row in rows}
    lines = [{"item_id": item_id, "title": title} for item_id, title in titles.items()]
    items.write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    ids = [{name: value for name, value in row.items() if name != "title"} for row in rows]
    bare.write_text("\n".join(map(json.dumps, ids)))
    titled = tmp_path / "titled.jsonl"
    known = [row | {"title": titles[row["item_id"]]} for row in rows]
    titled.write_text("\n".join(map(json.dumps, known)))
    code, out, err = replayed(bare, "--items", items)
    assert code == 0, err
    assert out == replayed(titled)[1]
    items.write_text(json.dumps(lines[0]))
    code, out, err = replayed(bare, "--items", items)
    assert "unknown_item: the catalogue does not know item" in err
    items.write_text('{"item_id": "a"}')
    code, _, err = replayed(bare, "--items", items)
    assert (code, err) == (
        1,
        f"journeys: {items}, line 1: no item: empty_title: the title is empty\n",
    )


def test_texts_tell_the_journeys_that_titles_do_not(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in LINES]
    numbers = {item_id: n for n, item_id in enumerate(dict.fromkeys(r["item_id"] for r in rows))}
    bare = [row | {"title": f"Note {numbers[row['item_id']]}"} for row in rows]
    told = [row | {"text": old["title"]} for row, old in zip(bare, rows, strict=True)]
    path, current = tmp_path / "notes.jsonl", tmp_path / "journeys.jsonl"
    found = []
    for log in (bare, told):
        path.write_text("\n".join(map(json.dumps, log)))
        code, _, err = replayed(path, "--journeys", current)
        assert code == 0, err
        found.append(current.read_bytes())
    without, with_text = ([json.loads(line) for line in one.splitlines()] for one in found)
    assert len(with_text) > 2 * len(without)
    shown = {item["title"] for one in with_text for item in one["items"]}
    assert all(title.startswith("Note ") for title in shown)
    words = {word for row in rows for word in row["title"].casefold().split()} - {"note"}
    assert not words & {word for one in with_text for word in one["terms"]}, "texts are not kept"


def test_a_catalogue_of_texts_is_the_same_as_texts_of_their_own(tmp_path: Path) -> None:
    rows = [json.loads(line) | {"text": f"More of it: {json.loads(line)['title']}"}
            for line in LINES]  # fmt: skip
    known = {row["item_id"]: {"title": row["title"], "text": row["text"]} for row in rows}
    told, bare, items = (tmp_path / f"{name}.jsonl" for name in ("told", "bare", "items"))
    told.write_text("\n".join(json.dumps(row | known[row["item_id"]]) for row in rows))
    bare.write_text(
        "\n".join(json.dumps({k: v for k, v in row.items() if k not in known[row["item_id"]]})
                  for row in rows))  # fmt: skip
    items.write_text("\n".join(json.dumps({"item_id": i} | one) for i, one in known.items()))
    code, out, err = replayed(bare, "--items", items)
    assert code == 0, err
    assert out == replayed(told)[1] != b""

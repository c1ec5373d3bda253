"""Files of every form, encoding and compression give the same rows; broken ones are told."""

import csv
import gzip
import io
import itertools
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from models.errors import JourneysError, Rejected
from streams.files.bytestreams import decompressed
from streams.files.entries import entries
from streams.files.inputs import all_batches, opened
from streams.files.sorting import Direction, TimeSorter
from streams.files.tally import Tally

TITLES = ["Plain", 'With "quotes", and; marks', "Zeilen\num\nbruch", "日本語 🎈"]
Rows = list[dict[str, Any]]
ACTIVITIES: Rows = [
    {
        "event_id": f"e{i}",
        "user_id": f"u{i % 3}",
        "item_id": f"i{i}",
        "title": title,
        "occurred_at": 1_700_000_000_000 + i,
    }
    for i, title in enumerate(TITLES)
]
COLUMNS = list(ACTIVITIES[0])


def json_lines(rows: Rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def json_array(rows: Rows) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2)


def table(rows: Rows, delimiter: str = ",") -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


TEXTS: dict[str, Callable[[Rows], str]] = {
    "lines": json_lines,
    "array": json_array,
    **{f"csv{d}": partial(table, delimiter=d) for d in ",;\t|"},
}
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": str.encode,
    "bom": lambda text: text.encode("utf-8-sig"),
    "utf-16-le": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "utf-16-be": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "utf-32": lambda text: text.encode("utf-32"),
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "gzip members": lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:]),
    "zstd": zstandard.compress,
    "zstd frames": lambda data: zstandard.compress(data[:50]) + zstandard.compress(data[50:]),
}


def rows_of(*paths: Path) -> list[Any]:
    return [row for _, batch in all_batches(map(str, paths)) if batch for row in batch.rows]


def activities_of(*paths: Path) -> list[Any]:
    return [
        entry.activity or entry.rejected
        for _, batch in all_batches(map(str, paths))
        if batch
        for entry in entries(batch)
    ]


def expected(rows: Rows = ACTIVITIES) -> list[Any]:
    return [(row["event_id"], row["user_id"], row["title"], row["occurred_at"]) for row in rows]


def seen(activities: list[Any]) -> list[Any]:
    return [(a.event_id, a.user_id, a.title, a.occurred_at) for a in activities]


@pytest.mark.parametrize(
    ("text", "encoding", "compression"), list(itertools.product(TEXTS, ENCODINGS, COMPRESSIONS))
)
def test_every_text_in_every_encoding_and_compression(
    text: str, encoding: str, compression: str, tmp_path: Path
) -> None:
    path = tmp_path / "nameless"
    path.write_bytes(COMPRESSIONS[compression](ENCODINGS[encoding](TEXTS[text](ACTIVITIES))))
    assert seen(activities_of(path)) == expected()


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_parquet_in_every_compression(compression: str, tmp_path: Path) -> None:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ACTIVITIES), out, row_group_size=2)
    path = tmp_path / "nameless"
    path.write_bytes(COMPRESSIONS[compression](out.getvalue()))
    assert seen(activities_of(path)) == expected()


def test_several_files_of_several_kinds_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "a").write_text(table(ACTIVITIES[:2]))
    (tmp_path / "b").write_text(json_lines(ACTIVITIES[2:]))
    assert seen(activities_of(tmp_path / "a", tmp_path / "b")) == expected()


@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {name: st.text(st.characters(exclude_categories=["Cs", "Cc"])) for name in "abc"}
        ),
        min_size=2,
        max_size=30,
    ),
    kind=st.sampled_from([",", ";", "\t", "|", "lines", "array", "parquet"]),
    compression=st.sampled_from(sorted(COMPRESSIONS)),
)
def test_rows_in_are_rows_out(
    rows: Rows, kind: str, compression: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # Blank rows of a table are no rows, and an empty cell is None there: leave those out here.
    rows = [{name: f"{i}{text}" for name, text in row.items()} for i, row in enumerate(rows)]
    if kind == "parquet":
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), out)
        data = out.getvalue()
    elif kind in ("lines", "array"):
        data = TEXTS[kind](rows).encode()
    else:
        data = table(rows, kind).encode()
    path = tmp_path_factory.mktemp("rows") / ("x.csv" if len(kind) == 1 else "x")
    path.write_bytes(COMPRESSIONS[compression](data))
    found = rows_of(path)
    assert [json.loads(row) if isinstance(row, bytes) else row for row in found] == rows


class Trickle:
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(data), size

    def read1(self, _: int) -> bytes:
        return self._file.read(self._size)


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_bytes_are_the_same_wherever_a_pipes_chunks_end(compression: str, size: int) -> None:
    data = json_lines(ACTIVITIES * 5).encode()
    with decompressed(Trickle(COMPRESSIONS[compression](data), size), "x") as stream:
        found = b""
        while chunk := stream.read1(100):
            found += chunk
    assert found == data


@pytest.mark.parametrize("compression", ["gzip", "zstd", "zstd frames"])
def test_cut_and_damaged_compressed_files_are_errors(compression: str, tmp_path: Path) -> None:
    data = COMPRESSIONS[compression](json_lines(ACTIVITIES * 500).encode())
    for broken in (data[:-9], data[: len(data) // 2]):
        path = tmp_path / "x"
        path.write_bytes(broken)
        with pytest.raises(JourneysError, match=r"x: broken (gzip|zstd)"):
            rows_of(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and so on", "binary: a zip archive"),
        pytest.param(gzip.compress(gzip.compress(b"x")), "binary: gzip", id="gzip"),
        (b"\x00\x01\x02\x03", "binary"),
        ("[1]\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        (b"PAR1 but no Parquet", "broken Parquet"),
        (b'[{"a": 1},', "begins like a JSON array"),
        (b"a,b,a\n1,2,3\n4,5,6\n", "several columns are called a"),
    ],
)
def test_files_that_cannot_be_read_say_what_they_are(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(JourneysError, match=said):
        rows_of(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf", "it is empty"),
        (b" \n\n", "only blank lines"),
        (b"[]", "a JSON array of 0 values"),
        (b"a,b,c\n1,2,3\n", "looks like CSV with columns a, b, c: give --input"),
        ("a;b\n1;2\n".encode("utf-16"), "looks like CSV, UTF-16-LE with columns a, b"),
        (b'[{"x": 1}, {"y": 2}]', "a JSON array of 2 values with fields x: give --input"),
        (b'{"messageId": 1, "userId": 2}\n', "JSON lines with fields messageId, userId: give"),
        (b'{\n  "a": 1\n}\n', "JSON objects over several lines each"),
        (b"nonsense\n", "text: 'nonsense'"),
        (b"\x1b[2J\n", "not_json"),
    ],
)
def test_a_file_of_which_nothing_is_used_says_what_it_looks_like(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    tally = Tally()
    for file, batch in all_batches([str(path)]):
        if batch is None:
            tally.end(file)
            continue
        for entry in entries(batch):
            assert entry.rejected is not None
            tally.reject(entry.number, entry.rejected, entry.line)
    with pytest.raises(JourneysError) as error:
        tally.check()
    assert said in str(error.value)
    assert str(error.value).isprintable()


def test_rows_that_are_no_rows_are_told_by_their_line_and_the_others_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(
        b'a,b\n1,2\n1,2,3\n\n"x"y,2\ncaf\xe9,1\n"two\nlines",ok\n,last\n"never closed,1\n'
    )
    found = [
        (number, row)
        for _, batch in all_batches([str(path)])
        if batch
        for number, row in zip(batch.numbers, batch.rows, strict=True)
    ]
    assert [number for number, _ in found] == [2, 3, 5, 6, 8, 9, 10]
    rows = [row for _, row in found]
    assert [row for row in rows if isinstance(row, dict)] == [
        {"a": "1", "b": "2"},
        {"a": "two\nlines", "b": "ok"},
        {"a": None, "b": "last"},
    ]
    details = [row.detail for row in rows if isinstance(row, Rejected)]
    assert "3 cells" in details[0]
    assert "UTF-8" in details[2]
    assert "unexpected end" in details[3]


def test_a_spreadsheets_own_word_on_its_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("sep=;\na;b\n1,5;2\n")
    assert rows_of(path) == [{"a": "1,5", "b": "2"}]


def test_a_table_of_one_column_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"title\nOne\nTwo\n"))
    assert rows_of(path) == [{"title": "One"}, {"title": "Two"}]


def test_a_stray_first_line_makes_no_table_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('log, of today\n{"a": 1, "b": 2}\n')
    assert rows_of(path) == [b"log, of today", b'{"a": 1, "b": 2}']


def test_tables_give_activities_their_types(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "event_id,user_id,item_id,title,occurred_at,type,weight,terms,vector,colour,text\n"
        '1,42,7,A title,1700000000000,view,2.5,"{""jazz"": 1.5}","[1, 0.5]",red,1984\n'
        "2,42,7,A title,2023-11-14T22:13:20Z,,,,,,\n"
        "3,42,7,A title,yesterday,,,,,,\n"
    )
    first, second, third = activities_of(path)
    assert (first.user_id, first.weight, first.terms) == ("42", 2.5, {"jazz": 1.5})
    assert (first.vector, first.text) == ([1.0, 0.5], "1984")
    assert second.occurred_at == first.occurred_at
    assert (second.type, second.weight, second.text) == (None, 1.0, None)
    assert third.reason == "bad_time"


def test_parquet_types_become_what_json_has(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    moment = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    frame = pa.table(
        {
            "event_id": pa.array([1], pa.int64()),
            "user_id": pa.array([Decimal(42)], pa.decimal128(10, 2)),
            "item_id": pa.array([b"i1"], pa.binary()),
            "title": pa.array(["T"]).dictionary_encode(),
            "occurred_at": pa.array([moment], pa.timestamp("ns", "UTC")),
            "weight": pa.array([float("nan")]),
            "terms": pa.array([[("jazz", 1.0)]], pa.map_(pa.string(), pa.float64())),
            "vector": pa.array([[1.0, 2.0]]),
        }
    )
    pq.write_table(frame, path)
    (found,) = activities_of(path)
    assert (found.event_id, found.user_id, found.item_id, found.title) == ("1", "42", "i1", "T")
    assert (found.occurred_at, found.weight) == (1_700_000_000_000, 1.0)
    assert (found.terms, found.vector) == ({"jazz": 1.0}, [1.0, 2.0])


def test_a_json_array_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.files.json_array.MOST_BYTES", 1 << 10)
    path = tmp_path / "x"
    path.write_text(json_array(ACTIVITIES * 50))
    with pytest.raises(JourneysError, match=r"jq -c"):
        rows_of(path)


def test_a_slow_pipe_is_not_waited_for(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb+") as file:
        for text in (json_lines(ACTIVITIES), table(ACTIVITIES[:2])):
            file.seek(0)
            file.truncate()
            file.write(text.encode())
            file.flush()
            with opened(file.name) as inputs:
                assert len(next(inputs.batches()).rows) > 1


@given(times=st.lists(st.integers(0, 50)), memory=st.integers(1, 2_000))
def test_items_come_by_time_and_as_they_were_added(times: list[int], memory: int) -> None:
    sorter = TimeSorter(memory)
    items = [(time, b"%d" % number) for number, time in enumerate(times)]
    for time, item in items:
        sorter.add(time, item)
    assert list(sorter.items()) == sorted(items, key=lambda pair: pair[0])


@pytest.mark.parametrize(
    ("times", "falls"),
    [([5, 4, 3, 2], True), ([1, 2, 3, 4], False), ([4, 3, 9, 8, 9], False), ([], False)],
)
def test_a_file_that_runs_backwards_is_recognised(times: list[int], falls: bool) -> None:
    direction = Direction()
    for time in times:
        direction.add(time)
    assert direction.falls == falls


def test_lines_come_whole_wherever_the_chunks_end(tmp_path: Path) -> None:
    lines = [b"%d:" % i + b"x" * random.Random(i).randrange(9000) for i in range(300)]
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join(lines))
    assert rows_of(path) == lines

"""`journeys tune encoder`: what it learns from titles, and what it says of that."""

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from models.encoders.encoder import SHIPPED, Encoder
from models.encoders.tuning import graph, measure, space
from models.encoders.tuning.space import Space
from models.vectors import Vectors
from streams.cli import main
from tests.support.data import evaluation_data
from tests.unit.test_encoder import make_folder

COMMUNITIES, EACH = 60, 30


def tune(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, ("tune", "encoder", *arguments))])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def gains(out: str) -> dict[str, tuple[float, float]]:
    """What the command printed: each measure before and after."""
    found = {}
    for line in out.splitlines():
        if line.startswith("  "):
            name, values = line.strip().rsplit(": ", 1)
            before, after = map(float, values.split(", "))
            found[name] = (before, after)
    return found


@pytest.fixture(scope="module")
def unmapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bge as it was before its map: `best` cut off at the model's own output."""
    folder = tmp_path_factory.mktemp("unmapped")
    model = onnx.load(SHIPPED["best"] / "model.onnx")
    nodes = [node for node in model.graph.node if not node.output[0].startswith("map")]
    del model.graph.node[:]
    model.graph.node.extend(node for node in nodes if node.output[0] != graph.OUTPUT)
    del model.graph.output[:]
    model.graph.output.append(
        onnx.helper.make_tensor_value_info(
            "last_hidden_state", onnx.TensorProto.FLOAT, ["n", "s", 384]
        )
    )
    onnx.save(model, folder / "model.onnx")
    (folder / "tokenizer.json").write_bytes((SHIPPED["best"] / "tokenizer.json").read_bytes())
    (folder / "config.json").write_text('{"pooling": "cls", "max_tokens": 32}')
    return folder


@pytest.fixture(scope="module")
def titles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Titles of communities that neither the map of `best` nor any other has seen."""
    known: dict[str, list[str]] = {}
    with gzip.open(evaluation_data("topics") / "posts_1.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            known.setdefault(row["label"], []).append(row["title"])
    with gzip.open(evaluation_data("topics") / "posts_2.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            known.setdefault(row["label"], []).append(row["title"])
    path = tmp_path_factory.mktemp("titles") / "titles.csv"
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["title", "community"])
        for label in sorted(known)[:COMMUNITIES]:
            writer.writerows((title, label) for title in known[label][:EACH])
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("labelled", [True, False])
def test_titles_of_a_catalogue_make_an_encoder_useful(
    labelled: bool, unmapped: Path, titles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "ours"
    labels = ("--labels", "community") if labelled else ()
    assert tune("--titles", titles, *labels, "--encoder", unmapped, "--out", out) == 0
    said = gains(capsys.readouterr().out)
    before, after = said["journeys found (F1)"]
    assert after > before + 0.3
    before, after = said["clusters agree with classes (V)"]
    assert after > before + 0.2
    made = Encoder.open(str(out))
    assert made.caveat == ""
    assert made.name.startswith("ours@")
    some = ["Baking bread at home", "Rover finds clay on Mars", "?"]
    alone = np.concatenate([made.encode([title]) for title in some])
    assert np.array_equal(made.encode(some), alone)


def test_a_map_that_is_folded_in_is_the_map(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    cases: list[tuple[str, dict[str, object] | None, str]] = [
        ("mean", None, "last_hidden_state"),
        ("cls", {"pooling_mode_cls_token": True}, "last_hidden_state"),
        ("ready", None, "sentence_embedding"),
    ]
    for name, said, output in cases:
        folder = make_folder(tmp_path / name, pooling=said, output=output)
        raw = Encoder.open(str(folder))
        chosen = Space(
            random.normal(0, 0.1, raw.dimensions).astype(np.float32),
            random.normal(size=(raw.dimensions, 8)).astype(np.float32),
        )
        texts = ["bread at home", "tennis court", "the first title of a stream"]
        model = onnx.load(folder / "model.onnx")
        graph.fold(model, raw.output, raw.pooling, chosen)
        onnx.checker.check_model(model)
        onnx.save(model, folder / "model.onnx")
        folded = Encoder.open(str(folder))
        assert folded.dimensions == 8
        assert np.allclose(folded.encode(texts), chosen.apply(raw.encode(texts)), atol=1e-5)


def test_packed_weights_are_a_quarter_and_hardly_differ() -> None:
    weights = np.random.default_rng(2).normal(size=(300, 200)).astype(np.float32)
    codes, scale = graph.quantised(weights, 0)
    assert codes.dtype == np.int8
    assert scale.shape == (1, 200)
    assert np.abs(codes * scale - weights).max() <= scale.max() / 2 + 1e-6


def clouds(classes: int, each: int, seed: int) -> tuple[Vectors, list[str]]:
    """Classes whose members differ in directions that all have in common."""
    random = np.random.default_rng(seed)
    shared = np.random.default_rng(0).normal(size=(6, 40)) * 3
    centres = random.normal(size=(classes, 40))
    of = np.repeat(np.arange(classes), each)
    noise = random.normal(size=(len(of), 6)) @ shared + random.normal(size=(len(of), 40)) * 0.3
    vectors = space.unit((centres[of] + noise + 2).astype(np.float32))
    return vectors, [str(one) for one in of]


def test_a_map_tells_classes_apart_that_it_has_not_seen() -> None:
    vectors, labels = clouds(60, 30, seed=1)
    others, theirs = clouds(20, 30, seed=2)
    before = measure.told_apart(others, theirs)
    assert (
        measure.told_apart(space.between_classes(vectors, labels).apply(others), theirs)
        > before + 0.1
    )
    assert measure.told_apart(space.whitened(vectors).apply(others), theirs) > before


def test_classes_are_guessed_where_they_are_plain() -> None:
    random = np.random.default_rng(3)
    centres = random.normal(size=(6, 40))
    of = np.repeat(np.arange(6), 25)
    vectors = space.unit((centres[of] + random.normal(size=(150, 40)) / 9).astype(np.float32))
    found = measure.guessed(vectors)
    assert sum(len(set(np.array(found)[of == one])) for one in range(6)) <= 8


def test_what_is_wrong_with_the_titles_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(json.dumps({"title": f"title {i}"}) for i in range(20)))
    folder = make_folder(tmp_path / "encoder")
    common = ("--titles", few, "--encoder", folder)
    for more, wrong in (
        (("--out", tmp_path / "out"), "20 different titles, at least 1000 are wanted"),
        (("--out", tmp_path / "out", "--field", "name"), "none of 20 rows has a title in its"),
        (("--out", tmp_path / "out", "--labels", "topic"), "none of 20 rows has the field 'topic'"),
        (("--out", folder), "is the encoder itself"),
    ):
        assert tune(*common, *more) == 2
        assert wrong in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_texts_tell_titles_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    notes = tmp_path / "notes.jsonl"
    notes.write_text("\n".join(json.dumps({"title": "note", "body": f"b {i}"}) for i in range(20)))
    folder = make_folder(tmp_path / "encoder")
    common = ("--titles", notes, "--encoder", folder, "--out", tmp_path / "out")
    for more, wrong in (
        ((), "1 different titles, at least 1000 are wanted"),
        (("--text", "body"), "20 different titles, at least 1000 are wanted"),
        (("--text", "content"), "none of 20 rows has a text in its field 'content'"),
    ):
        assert tune(*common, *more) == 2
        assert wrong in capsys.readouterr().err


def test_without_the_extra_one_line_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.extras.find_spec", lambda name: None)
    (tmp_path / "titles.csv").write_text("title\nbread\n")
    assert tune("--titles", tmp_path / "titles.csv", "--out", tmp_path / "out") == 1
    assert "onnx not installed: this needs the extra `encoder`" in capsys.readouterr().err

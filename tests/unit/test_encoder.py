import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder, check_vector
from models.errors import ModelError, Reason, Rejected
from models.vectors import Vectors

WORDS = "bread sourdough oven tennis court serve kafka stream broker the a of at home first title"
DIMENSIONS = 32


def make_folder(
    folder: Path,
    *,
    model: str = "model.onnx",
    output: str = "last_hidden_state",
    mixes_rows: int = 0,
    inputs: Sequence[str] = ("input_ids", "attention_mask", "token_type_ids"),
    pooling: dict[str, object] | None = None,
) -> Path:
    """A sentence-transformers folder: a token table and one matrix, in a few kilobytes."""
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS.split()])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    random = np.random.default_rng(7)
    weights = {
        "table": random.normal(size=(len(vocabulary), DIMENSIONS)).astype(np.float32),
        "matrix": random.normal(size=(DIMENSIONS, DIMENSIONS)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        helper.make_node("MatMul", ["tokens", "matrix"], ["mixed"]),
    ]
    if mixes_rows:  # as dynamic quantisation does: one scale for the whole batch
        weights |= {"least": np.array(mixes_rows, np.int64), "second": np.array(1, np.int64)}
        nodes += [
            helper.make_node("ReduceMean", ["mixed"], ["usual"], keepdims=0),
            helper.make_node("Shape", ["input_ids"], ["shape"]),
            helper.make_node("Gather", ["shape", "second"], ["length"]),
            helper.make_node("GreaterOrEqual", ["length", "least"], ["long"]),
            helper.make_node("Cast", ["long"], ["does"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["usual", "does"], ["scale"]),
            helper.make_node("Add", ["mixed", "scale"], ["last"]),
        ]
    else:
        nodes += [helper.make_node("Identity", ["mixed"], ["last"])]
    if output == "sentence_embedding":
        weights["axes"] = np.array([1], np.int64)
        nodes += [helper.make_node("ReduceMean", ["last", "axes"], [output], keepdims=0)]
    else:
        nodes += [helper.make_node("Identity", ["last"], [output])]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(i, TensorProto.INT64, ["n", "s"]) for i in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    path = folder / model
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    if pooling is not None:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    return folder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open("fast")


TEXTS = [
    "Baking sourdough at home",
    "How to feed a sourdough starter",
    "Kafka",
    "",
    "Kafka",
    "The broker that never sleeps: a history of log storage in eleven short stories",
    "日本語のタイトル",
    "😀😀",
    "x" * 1000,
]


def test_the_fast_encoder_works_offline_and_says_who_it_is(encoder: Encoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), encoder.dimensions)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert "@" in encoder.name
    assert encoder.encode([]).shape == (0, encoder.dimensions)


def test_near_titles_are_nearer_than_others(encoder: Encoder) -> None:
    bread, starter, tennis = encoder.encode(
        ["Baking sourdough bread", "Sourdough starter for bread", "Tennis: the men's final"]
    )
    assert bread @ starter > 0.4 > bread @ tennis


@pytest.mark.parametrize(
    ("rare", "near", "far"),
    [
        ("Skyrim", "Minecraft", "Sourdough"),
        ("Sourdough", "Baguette", "Skyrim"),
        ("Gluten", "Celiac", "Goalkeeper"),
    ],
)
def test_a_rare_word_means_more_than_its_pieces(
    encoder: Encoder, rare: str, near: str, far: str
) -> None:
    word, alike, other = encoder.encode([rare, near, far])
    assert word @ alike > word @ other + 0.2


MIXES: dict[str, int] = {"mixes rows": 1, "mixes long rows": 6}  # of so many tokens and more


@pytest.mark.parametrize("kind", ["fast", "mean", *MIXES, "sentence_embedding"])
def test_a_text_has_the_same_bits_in_every_batch(kind: str, tmp_path: Path) -> None:
    if kind == "fast":
        encoder = Encoder.open("fast", batch=3)
    else:
        output = kind if kind == "sentence_embedding" else "last_hidden_state"
        make_folder(tmp_path, mixes_rows=MIXES.get(kind, 0), output=output)
        encoder = Encoder.open(str(tmp_path))
    texts = [*TEXTS, "bread oven home", "tennis court serve", "kafka stream broker", "the serve"]
    texts += ["the first court of the oven at home", "a broker of bread at the tennis court"]
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    backwards = encoder.encode(texts[::-1])[::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)


def test_texts_without_a_known_word_are_kept_apart(tmp_path: Path) -> None:
    encoder = Encoder.open(str(make_folder(tmp_path)))
    titles = ["", "zzz", "qqq qqq", "日本語"]
    vectors = encoder.encode([*titles, "zzz", "bread"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors[1], vectors[4])
    alike = vectors[:4] @ vectors[:4].T - np.eye(4)
    assert alike.max() < 0.7


def test_every_form_of_a_sentence_transformers_folder(tmp_path: Path) -> None:
    mean = Encoder.open(str(make_folder(tmp_path / "mean")))
    nested = Encoder.open(
        str(
            make_folder(
                tmp_path / "nested",
                model="onnx/model.onnx",
                pooling={"pooling_mode_mean_tokens": True},
            )
        )
    )
    ready = Encoder.open(
        str(
            make_folder(
                tmp_path / "ready",
                output="sentence_embedding",
                inputs=("input_ids", "attention_mask"),
            )
        )
    )
    first = Encoder.open(
        str(
            make_folder(
                tmp_path / "first",
                pooling={"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
            )
        )
    )
    text = ["bread at home"]
    assert np.array_equal(mean.encode(text), nested.encode(text))
    assert np.allclose(mean.encode(text), ready.encode(text), atol=1e-6)
    assert np.allclose(first.encode(text), first.encode(["bread of tennis"]), atol=1e-6)
    assert not np.allclose(mean.encode(text), first.encode(text), atol=0.1)
    assert mean.name.startswith("mean@")
    assert mean.dimensions == DIMENSIONS


def break_model(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"not a model\n" * 9)


def break_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def break_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def lose_model(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def lose_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    "harm", [break_model, break_tokenizer, break_config, lose_model, lose_tokenizer]
)
def test_a_missing_or_broken_file_is_one_clear_line(
    harm: Callable[[Path], None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    harm(make_folder(tmp_path))
    with pytest.raises(ModelError) as caught:
        Encoder.open(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")  # onnxruntime does not also print it


def test_what_we_cannot_run_is_refused_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="max_tokens"):
        Encoder.open(str(make_folder(tmp_path / "a", pooling={"pooling_mode_max_tokens": True})))
    with pytest.raises(ModelError, match="position_ids"):
        Encoder.open(str(make_folder(tmp_path / "b", inputs=("input_ids", "position_ids"))))
    with pytest.raises(ModelError, match="no such folder"):
        Encoder.open(str(tmp_path / "c"))


def test_opening_an_encoder_tells_nobody_and_leaves_no_file(tmp_path: Path) -> None:
    """By default onnxruntime identifies the machine to its maker, and keeps a file for that."""
    script = "from models.encoders.encoder import Encoder; Encoder.open('fast').encode(['a title'])"
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=60,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert list(tmp_path.rglob("*")) == []


def test_a_hub_id_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match="extra `hub`"):
        Encoder.open("sentence-transformers/all-MiniLM-L6-v2")


def test_a_hub_id_is_opened_where_the_hub_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    make_folder(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(tmp_path))
    assert Encoder.open("someone/tiny").name.startswith("someone/tiny@")


class Counting(Encoder):
    """An encoder that remembers what it was asked."""

    dimensions = 2

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], np.float32)


def test_the_cache_encodes_an_item_once_and_again_when_its_title_changes() -> None:
    cache = VectorCache(counting := Counting(), 10)
    assert cache.lookup([("1", "a"), ("2", "bb")]) == [None, None]
    vectors = cache.fill([("1", "a"), ("2", "bb"), ("1", "a")])
    assert [v[0] for v in vectors] == [1, 2, 1]
    again = cache.lookup([("2", "bb"), ("1", "a")])
    assert [v is not None and v[0] for v in again] == [2, 1]
    cache.fill([("1", "a"), ("1", "a, revised")])
    assert counting.asked == ["a", "bb", "a, revised"]


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    cache = VectorCache(Counting(), 2)
    cache.fill([("1", "a"), ("2", "b")])
    cache.lookup([("1", "a")])
    cache.fill([("3", "c")])
    assert [v is None for v in cache.lookup([("1", "a"), ("2", "b"), ("3", "c")])] == [
        False,
        True,
        False,
    ]
    assert len(cache.fill([(str(i), "t") for i in range(9)])) == 9
    assert len(cache) == 2


def test_a_cache_without_room_still_answers() -> None:
    assert len(VectorCache(Counting(), 0).fill([("1", "a"), ("2", "b")])) == 2


def test_the_cache_may_be_filled_and_read_at_once() -> None:
    cache = VectorCache(Counting(), 50)
    failures: list[Exception] = []

    def work(offset: int) -> None:
        try:
            for i in range(300):
                items = [(str((i * 7 + offset + j) % 90), "t") for j in range(20)]
                assert len(cache.fill(items)) == 20
                cache.lookup(items)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(cache) <= 50


def test_a_producers_vector_becomes_a_unit_vector() -> None:
    assert np.allclose(check_vector([3.0, 4.0], 2), [0.6, 0.8])
    assert np.allclose(check_vector([3e300, 4e300], 2), [0.6, 0.8])
    assert np.allclose(check_vector([3e-200, 4e-200], 2), [0.6, 0.8])


@pytest.mark.parametrize(
    "vector", [[1.0], [1.0, 2.0, 3.0], [0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]]
)
def test_a_vector_of_another_model_is_rejected(vector: list[float]) -> None:
    with pytest.raises(Rejected) as caught:
        check_vector(vector, 2)
    assert caught.value.reason is Reason.BAD_VECTOR

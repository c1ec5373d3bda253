"""A soft prompt as a file, and as what a server is sent."""

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest

from models.errors import ModelError
from models.naming.prompt import question
from models.naming.soft import CARD, VECTORS, SoftPrompt
from models.naming.tensors import Table, torch_bytes
from models.naming.titles import Evidence
from tests.support.naming import request
from tests.support.soft import VOCABULARY, a_model, a_soft_prompt, sent

EVIDENCE = Evidence.of(request())


def test_a_prompt_is_the_learned_vectors_then_those_of_the_chat(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    vectors = a_soft_prompt(tmp_path / "soft", model)
    rows = sent(SoftPrompt(tmp_path / "soft")(EVIDENCE).data)
    table = Table(model / "model.safetensors", "model.embed_tokens.weight")
    np.testing.assert_array_equal(rows[:3], vectors.astype(np.float16))
    first, last = (table[[VOCABULARY[word]]] for word in ("system", "assistant"))
    np.testing.assert_array_equal(rows[3], first[0].astype(np.float16))
    np.testing.assert_array_equal(rows[-1], last[0].astype(np.float16))
    assert len(rows) > 3 + len(question(EVIDENCE).split())


def test_the_model_may_have_moved(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    a_soft_prompt(tmp_path / "soft", model)
    before = SoftPrompt(tmp_path / "soft")(EVIDENCE)
    model.rename(tmp_path / "moved")
    with pytest.raises(ModelError, match="model"):
        SoftPrompt(tmp_path / "soft")
    assert SoftPrompt(tmp_path / "soft", tmp_path / "moved")(EVIDENCE) == before


def test_a_soft_prompt_of_another_model_is_refused(tmp_path: Path) -> None:
    a_soft_prompt(tmp_path / "soft", a_model(tmp_path / "model"))
    with pytest.raises(ModelError, match=r"belongs to .*model, not to .*other"):
        SoftPrompt(tmp_path / "soft", a_model(tmp_path / "other", seed=7))


@pytest.mark.parametrize("name", [CARD, VECTORS])
@pytest.mark.parametrize("content", [None, b"", b"broken", b"\xff\xff\xff\xff\xff\xff\xff\xff{}"])
def test_a_file_that_is_missing_or_broken_is_one_clear_error(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    a_soft_prompt(tmp_path / "soft", a_model(tmp_path / "model"))
    (tmp_path / "soft" / name).unlink()
    if content is not None:
        (tmp_path / "soft" / name).write_bytes(content)
    with pytest.raises(ModelError, match="soft"):
        SoftPrompt(tmp_path / "soft")


def test_weights_in_several_files_are_found_by_their_index(tmp_path: Path) -> None:
    model = a_model(tmp_path / "model")
    a_soft_prompt(tmp_path / "soft", model)
    whole = SoftPrompt(tmp_path / "soft")(EVIDENCE)
    (model / "model.safetensors").rename(model / "part-2.safetensors")
    (model / "model.safetensors.index.json").write_text(
        '{"weight_map": {"model.embed_tokens.weight": "part-2.safetensors"}}'
    )
    assert SoftPrompt(tmp_path / "soft")(EVIDENCE) == whole


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        ("F16", np.array([[1.5, -2.0]], "<f2").tobytes()),
        ("BF16", (np.array([[1.5, -2.0]], "<f4").view("<u4") >> 16).astype("<u2").tobytes()),
        ("F32", np.array([[1.5, -2.0]], "<f4").tobytes()),
    ],
)
def test_a_table_may_have_any_usual_precision(tmp_path: Path, kind: str, raw: bytes) -> None:
    head = msgspec.json.encode(
        {"t": {"dtype": kind, "shape": [1, 2], "data_offsets": [0, len(raw)]}}
    )
    (tmp_path / "t").write_bytes(len(head).to_bytes(8, "little") + head + raw)
    assert Table(tmp_path / "t", "t")[[0, 0]].tolist() == [[1.5, -2.0], [1.5, -2.0]]


def test_torch_reads_what_is_sent() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra `tune`")
    rows = (np.arange(12).reshape(4, 3) / 7).astype(np.float16)
    read = torch.load(io.BytesIO(torch_bytes(rows)), weights_only=True)
    assert read.dtype == torch.float16
    np.testing.assert_array_equal(read.numpy(), rows)

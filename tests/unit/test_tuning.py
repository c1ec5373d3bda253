"""`journeys tune` from end to end, on a tiny model with random weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.naming.prompt import BRIEF
from models.naming.soft import SoftPrompt
from models.naming.titles import Evidence
from streams.cli import main
from tests.support import named
from tests.support.naming import request

MODULES = ("torch", "transformers", "peft")
TEMPLATE = (
    "{% for turn in messages %}<|{{ turn['role'] }}|>\n{{ turn['content'] }}<|end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def tune(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*map(str, ("tune", *arguments))])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_without_the_extra_one_line_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.extras.find_spec", lambda name: None)
    options = ("--model", tmp_path, "--data", tmp_path, "--out", tmp_path / "out")
    assert tune("lora", *options) == 1
    assert capsys.readouterr().err == (
        "journeys: torch, transformers, peft not installed: this needs the extra `tune` "
        "(pip install 'interest-journeys[tune]')\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two thin layers and a tokenizer of bytes."""
    torch, transformers, _ = (
        pytest.importorskip(name, reason="needs the extra `tune`") for name in MODULES
    )
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    folder = tmp_path_factory.mktemp("model")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(BPE({letter: place for place, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", chat_template=TEMPLATE
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(fast),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            eos_token_id=fast.eos_token_id,
        )
    ).save_pretrained(folder)
    return folder


def options(model: Path, data: Path, out: Path, steps: int) -> list[str | Path]:
    return [
        "--model",
        model,
        "--data",
        data,
        "--out",
        out,
        "--steps",
        str(steps),
        "--size",
        "2",
        "--every",
        "2",
        "--device",
        "cpu",
    ]


def test_a_soft_prompt_is_learned_and_the_namer_can_use_it(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = named.some(tmp_path / "data"), tmp_path / "out"
    assert tune("prompt", *options(model, data, out, 4), "--length", "5") == 0
    shown = capsys.readouterr()
    assert str(out / "soft_prompt.safetensors") in shown.out
    assert "80 parameters learn" in shown.err  # five vectors of sixteen numbers, nothing else
    card = json.loads((out / "soft_prompt.json").read_text())
    assert card["model"] == str(model)
    assert card["before"] == f"<|system|>\n{BRIEF}<|end|>\n<|user|>\n"
    assert card["after"] == "<|end|>\n<|assistant|>\n"
    assert (out / "soft_prompt.safetensors").stat().st_size < 1_000
    assert SoftPrompt(out)(Evidence.of(request())).data


def test_an_adapter_is_learned_in_the_form_that_vllm_serves(model: Path, tmp_path: Path) -> None:
    data, out = named.some(tmp_path / "data"), tmp_path / "out"
    assert tune("lora", *options(model, data, out, 4)) == 0
    config = json.loads((out / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA"
    assert config["r"] <= 16  # vLLM's default bound
    assert (out / "adapter_model.safetensors").stat().st_size < 100_000


@pytest.mark.parametrize("method", ["prompt", "lora"])
def test_learning_lowers_the_loss(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], method: str
) -> None:
    data, out = named.some(tmp_path / "data"), tmp_path / "out"
    assert tune(method, *options(model, data, out, 40), "--rate", "0.03") == 0
    losses = [
        float(line.rpartition(" ")[2])
        for line in capsys.readouterr().err.splitlines()
        if line.startswith("step ")
    ]
    assert losses[-1] < losses[0]


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = named.some(tmp_path / "data")
    code = (
        "import sys, torch\n"
        "from models.naming.tuning import training\n"
        "save = training._save\n"
        "def once(*given): save(*given); sys.exit(9)\n"
        "training._save = once\n"
        "from streams.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert tune("prompt", *options(model, data, whole, 6)) == 0
    died = subprocess.run(
        [sys.executable, "-c", code, "tune", "prompt", *map(str, options(model, data, broken, 6))],
        env=dict(os.environ),
    )
    assert died.returncode == 9
    assert not (broken / "soft_prompt.json").exists()
    assert tune("prompt", *options(model, data, broken, 6)) == 0
    assert "goes on after step 2 of 6" in capsys.readouterr().err
    assert (broken / "soft_prompt.safetensors").read_bytes() == (
        whole / "soft_prompt.safetensors"
    ).read_bytes()


def test_a_checkpoint_of_another_run_is_not_gone_on_with(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = named.some(tmp_path / "data"), tmp_path / "out"
    assert tune("prompt", *options(model, data, out, 2)) == 0
    assert tune("prompt", *options(model, data, out, 4)) == 2
    assert "steps was 2" in capsys.readouterr().err.splitlines()[-1]


def test_a_model_that_is_not_there_is_one_clear_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = named.some(tmp_path / "data")
    assert tune("lora", *options(tmp_path / "nothing", data, tmp_path / "out", 2)) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"journeys: {tmp_path}/nothing")

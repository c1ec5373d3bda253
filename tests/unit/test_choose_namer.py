"""Which namer, and which prompt, the settings ask for."""

from pathlib import Path

import pytest

from models.errors import ModelError
from models.naming.namer import KeywordNamer, VllmNamer
from models.naming.prompt import Embedded
from models.naming.titles import Evidence
from streams.namer.app import choose_namer, choose_prompt
from streams.settings import Settings
from tests.support import soft
from tests.support.naming import request

EVIDENCE = Evidence.of(request())


def test_without_a_server_names_are_keywords() -> None:
    assert isinstance(choose_namer(Settings.load()), KeywordNamer)


@pytest.mark.parametrize(("wanted", "with_examples"), [("examples", True), ("plain", False)])
def test_the_prompt_has_examples_or_none(wanted: str, with_examples: bool) -> None:
    prompt = choose_prompt(wanted)(EVIDENCE)
    assert not isinstance(prompt, Embedded)
    roles = [turn["role"] for turn in prompt]
    assert roles[0] == "system"
    assert roles[-1] == "user"
    assert ("assistant" in roles) == with_examples


async def test_a_soft_prompt_is_taken_from_its_folder(tmp_path: Path) -> None:
    soft.a_soft_prompt(tmp_path / "soft", soft.a_model(tmp_path / "model"))
    assert isinstance(choose_prompt(str(tmp_path / "soft"))(EVIDENCE), Embedded)
    namer = choose_namer(
        Settings.load(vllm_url="http://127.0.0.1:9", naming_prompt=str(tmp_path / "soft"))
    )
    assert isinstance(namer, VllmNamer)
    await namer.close()


def test_a_folder_without_a_soft_prompt_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no soft prompt of `journeys tune prompt`"):
        choose_prompt(str(tmp_path))

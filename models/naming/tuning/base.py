"""The model that is tuned: its weights frozen, a soft prompt or an adapter to be trained."""

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import torch
from peft import LoraConfig, PromptTuningConfig, PromptTuningInit, TaskType, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from models.errors import ModelError
from models.naming.prompt import INSTRUCTIONS

Method: TypeAlias = Literal["prompt", "lora"]

RATES: Final[dict[Method, float]] = {"prompt": 2e-2, "lora": 1e-3}  # of learning, by default
LORA_RANK: Final = 8  # vLLM serves up to 16 unless told otherwise


def load(folder: str, method: Method, length: int, device: str) -> tuple[Any, Any]:
    """A model ready to be trained, and its tokenizer.

    Args:
        folder: Of the model, in the form of transformers; or its hub id.
        method: What is trained.
        length: Tokens of the soft prompt. It starts as the few-shot instructions.
        device: `cpu`, `cuda`, …

    Raises:
        ModelError: There is no such model.
    """
    # bfloat16 halves memory and time; CPUs without it are faster with 32 bits. What is trained
    # has 32 bits anyhow.
    kind = torch.bfloat16 if device != "cpu" or _has_bfloat16() else torch.float32
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=kind).to(device)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}: no model that can be tuned: {str(error)[:200]}") from None
    if method == "lora":
        config: Any = LoraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=LORA_RANK,
            lora_alpha=2 * LORA_RANK,
            target_modules="all-linear",
        )
    else:
        config = PromptTuningConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=length,
            prompt_tuning_init=PromptTuningInit.TEXT,
            prompt_tuning_init_text=INSTRUCTIONS,
            tokenizer_name_or_path=folder,
        )
    return get_peft_model(model, config), tokenizer


def _has_bfloat16() -> bool:
    """Whether this CPU computes with it."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())


def trained(model: Any) -> dict[str, torch.Tensor]:
    """The parameters that learn, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def chosen_device(wanted: str) -> str:
    """`auto`: a GPU where there is one."""
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "cpu"


def weights_folder(folder: str) -> str:
    """Where the weights lie, to be noted in an artefact."""
    return str(Path(folder).resolve()) if Path(folder).is_dir() else folder

"""What a run leaves: an adapter in PEFT's form, or a soft prompt (models/naming/soft.py)."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from models.naming.soft import CARD, VECTORS, Card, fingerprint
from models.naming.tensors import write_safetensors
from models.naming.tuning.base import Method, trained, weights_folder
from models.naming.tuning.batches import Frame


def save(
    model: Any, tokenizer: Any, frame: Frame, method: Method, base: str, folder: Path
) -> list[Path]:
    """Write what was trained; the files, for the user to see."""
    if method == "lora":
        model.save_pretrained(folder)
        return [folder / "adapter_config.json", folder / "adapter_model.safetensors"]
    [vectors] = trained(model).values()
    write_safetensors(folder / VECTORS, {"soft_prompt": _array(vectors)})
    ids = tokenizer.encode(frame.before, add_special_tokens=False)
    table = model.get_input_embeddings().weight
    card = Card(
        model=weights_folder(base),
        before=frame.before,
        after=frame.after,
        fingerprint=fingerprint(_array(table[ids])),
    )
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)))
    return [folder / VECTORS, folder / CARD]


def _array(tensor: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    whole: np.ndarray[Any, np.dtype[np.float32]] = tensor.detach().float().cpu().numpy()
    return whole

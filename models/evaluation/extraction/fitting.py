"""What the commands that fit coefficients of the engine share."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from models.errors import JourneysError


def command(description: str, fit: Callable[[Path, str], None]) -> None:
    """Run a fit with the data and the encoder that the command line names.

    Args:
        description: For `--help`.
        fit: Takes the folder of the evaluation data, and which encoder: its name or a folder.

    Raises:
        SystemExit: The data or the encoder is missing or broken.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--encoder", default="best", help="best, fast or a folder")
    args = parser.parse_args()
    try:
        fit(args.data, args.encoder)
    except JourneysError as error:
        raise SystemExit(str(error)) from None


def print_weights(features: Iterable[str], weights: Iterable[float]) -> None:
    """Print coefficients by their features' names, the constant last."""
    pairs = zip([*features, "constant"], weights, strict=True)
    print(", ".join(f"{name} {weight:.2f}" for name, weight in pairs))

"""Fits map and scale of the encoder `multilingual`, to the communities that `best` learns from.

They are English, and the people on whom the scale is fitted read English. What that is worth in
other languages is seen on `tests/data/interests_by_language.json`, on which nothing is fitted. From
the project's root, with the extra `multilingual`:

    python -m models.encoders.training.tune_multilingual --data DATA
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from models.encoders.encoder import Encoder
from models.encoders.multilingual import folder
from models.encoders.training.best_texts import classes
from models.encoders.training.tune_best import fit
from models.encoders.tuning.tune import remembering

VERSION: Final = "1.0.0"
MAX_TOKENS: Final = 64
EACH: Final = 20  # titles of a community
SHRINK: Final = 0.1  # of the map
TRIES: Final = 240
FITTED_ON: Final = (
    "map: 700 communities of topics/more; scale: even people of reddit_users and of topics/"
)
# Of the sixteen for which the model was made, traditional Chinese is with `zh`.
LANGUAGES: Final = (
    *("ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "th", "tr", "zh"),
)


def main() -> None:
    """Fit, write what ships."""
    parser = argparse.ArgumentParser(description="Fit map and scale of `multilingual`.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    parser.add_argument("--out", type=Path, default=folder.SHIPPED)
    parser.add_argument("--tries", type=int, default=TRIES, help="changes of the scale")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as raw:
        folder.write(Path(raw), {"max_tokens": MAX_TOKENS}, None)
        titles = {n: t for n, t in classes(args.data, EACH).items() if n.startswith("g:")}
        fitted = fit(args.data, remembering(Encoder(Path(raw)).encode), titles, SHRINK, args.tries)
    space = fitted.space
    offset = -(space.mean.astype(np.float64) @ space.directions)
    np.savez_compressed(
        args.out / folder.MAP,
        matrix=space.directions.astype(np.float32),
        offset=offset.astype(np.float32),
    )
    about = {
        "name": "journeys-use-multilingual",
        "version": VERSION,
        "licence": "Apache-2.0",
        "languages": list(LANGUAGES),
        "dimensions": space.directions.shape[1],
        "max_tokens": MAX_TOKENS,
        "prefix": "",
        "scale": fitted.scale._asdict(),
        "fitted_on": FITTED_ON,
        "trained_on": ["reddit-top-2.5-million (the map)"],
    }
    (args.out / folder.CONFIG).write_text(json.dumps(about, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()

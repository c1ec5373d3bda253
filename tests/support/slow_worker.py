"""`journeys` with the default encoder made slow: `TEST_SECONDS_A_TITLE` each, same bits."""

import os
import time
from collections.abc import Sequence

from models.encoders.encoder import Encoder
from models.vectors import Vectors
from streams.cli import main

SECONDS = "TEST_SECONDS_A_TITLE"

if __name__ == "__main__":
    encode = Encoder.encode

    def slowly(self: Encoder, texts: Sequence[str]) -> Vectors:
        time.sleep(float(os.environ[SECONDS]) * len(texts))
        return encode(self, texts)

    Encoder.encode = slowly  # type: ignore[method-assign]
    main()

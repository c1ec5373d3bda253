"""`journeys` with an encoder that takes its time, and makes the same bits."""

import time
from collections.abc import Sequence

from models.encoders.encoder import Encoder
from models.vectors import Vectors
from streams.cli import main

SECONDS_A_TITLE = 0.015  # some hundreds of titles take several seconds

if __name__ == "__main__":
    encode = Encoder.encode

    def slowly(self: Encoder, texts: Sequence[str]) -> Vectors:
        time.sleep(SECONDS_A_TITLE * len(texts))
        return encode(self, texts)

    Encoder.encode = slowly  # type: ignore[method-assign]
    main()

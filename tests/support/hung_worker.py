"""`journeys` with an encoder that hangs from a certain title on, and never comes back."""

import time
from collections.abc import Sequence

from models.encoders.encoder import Encoder
from models.vectors import Vectors
from streams.cli import main

TITLE = "the title that hangs"

if __name__ == "__main__":
    encode = Encoder.encode

    def hanging(self: Encoder, texts: Sequence[str]) -> Vectors:
        while TITLE in texts:
            time.sleep(1)
        return encode(self, texts)

    Encoder.encode = hanging  # type: ignore[method-assign]
    main()

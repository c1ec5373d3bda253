"""The encoder that the settings name, opened; and what it could not read, counted."""

import logging
from typing import Final

from models.encoders.encoder import Encoder
from streams.settings import Settings

logger = logging.getLogger(__name__)

# Some titles of any stream look foreign, names and typos: one in 300 where all are English. So many
# and such a share of them are no accident.
LEAST_UNREAD: Final = 5
LEAST_SHARE: Final = 0.02


def encoder_of(settings: Settings, threads: int | None = None) -> Encoder:
    """Open the encoder; whatever is to be known of its vectors is logged as a warning.

    Args:
        settings: Which encoder, how large a batch.
        threads: Of one run; None: as many as the settings say.

    Raises:
        ModelError: It cannot be opened.
    """
    encoder = Encoder.open(
        settings.encoder, threads=threads or settings.encoder_threads, batch=settings.encoder_batch
    )
    if encoder.caveat:
        logger.warning("%s", encoder.caveat)
    return encoder


class Unread:
    """Counts activities whose titles the encoder cannot read, and says so once.

    Args:
        encoder: The encoder.

    Attributes:
        activities: That many so far, of those that were encoded.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._encoded = 0
        self._told = False
        self.activities = 0

    def count(self, encoded: int, unread: int) -> None:
        """Count activities that were encoded, and those of them that were not read."""
        self._encoded += encoded
        self.activities += unread
        if unread and not self._told and (trouble := self.trouble()):
            self._told = True
            logger.warning("%s", trouble)

    def trouble(self) -> str | None:
        """What this means, on one line; None while it may be names and typos."""
        if self.activities < max(LEAST_UNREAD, LEAST_SHARE * self._encoded):
            return None
        reads = f" (it reads {', '.join(known)})" if (known := self._encoder.languages) else ""
        return (
            f"encoder {self._encoder.name}{reads} cannot read the titles of {self.activities:,} of "
            f"{self._encoded:,} activities: they join no interest; see JOURNEYS_ENCODER"
        )

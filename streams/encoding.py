"""The encoder that the settings name, opened."""

import logging

from models.encoders.encoder import Encoder
from streams.settings import Settings

logger = logging.getLogger(__name__)


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

"""The store of `streams.query`, brought up to now, for commands that ask it once."""

from collections.abc import Iterator
from contextlib import contextmanager

from streams.query.follow import Follower
from streams.query.store import Store, opened
from streams.settings import Settings


@contextmanager
def caught_up(settings: Settings) -> Iterator[Store]:
    """The store that the monitor keeps in the data folder, with all that is published by now.

    The first time all is read; later, what came since.

    Raises:
        BrokerError: The broker fails.
        SettingsError: A topic is not there.
    """
    with opened(settings) as store:
        Follower(settings, store).catch_up()
        yield store

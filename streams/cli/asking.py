"""The store of `streams.query`, brought up to now, for commands that ask it once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from streams.query.follow import Follower
from streams.query.store import Store, store_path
from streams.settings import Settings


@contextmanager
def caught_up(settings: Settings) -> Iterator[Store]:
    """The store that the monitor keeps in the data folder, with all that is published by now.

    The first time all is read; later, what came since.

    Raises:
        BrokerError: The broker fails.
        SettingsError: A topic is not there.
    """
    with TemporaryDirectory(prefix="journeys-") as folder:
        store = Store(store_path(settings, Path(folder)))
        Follower(settings, store).catch_up()
        yield store
        store.close()

"""Which changes are sent, and as what: a change in, an event with its journey's name out."""

from typing import Any, NamedTuple

from models.decoding import decode_change
from models.errors import Reason, Rejected
from models.printable import printable
from models.records import with_name
from models.selection import Seen
from streams.formats.reading import OutputReader
from streams.query import questions
from streams.query.store import Store
from streams.settings import Settings


class Delivery(NamedTuple):
    """What is to be sent.

    Attributes:
        user_id: Whose change; one user's are sent in order.
        event_id: Of the change.
        body: A CloudEvent in structured JSON mode.
    """

    user_id: str
    event_id: str
    body: bytes


class Chooser:
    """Chooses. Its methods block for the time that SQLite takes: not for the event loop.

    Args:
        settings: The selection; where a registry is.
        store: Knows what journeys go by, and what was published on a day before.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._reader = OutputReader(settings)
        self._store = store
        self._selection = settings.webhook_selection
        self.begin()

    def begin(self) -> None:
        """Begin anew: partitions have come or gone."""
        self._selector = questions.selector(self._store, self._selection)

    def delivery(self, message: Any) -> Delivery | None:
        """What is to be sent of a record of `journey-changes`; None if it is not wanted.

        Args:
            message: Faust's.

        Raises:
            Rejected: It is no change.
        """
        if message.value is None:
            raise Rejected(Reason.INVALID, "the value is null")
        self._reader.prepare([message.value])
        event = self._reader.change(message.value, list(message.headers or ()))
        change = decode_change(event)
        known = questions.known(self._store, change)
        published = round(message.timestamp * 1000)
        seen = Seen.of(change, known, published, message.partition, message.offset)
        if not self._selector.wants(seen):
            return None
        return Delivery(change.data.user_id, change.id, with_name(event, printable(known.name)))

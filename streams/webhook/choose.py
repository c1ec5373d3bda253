"""Which changes are sent, and as what: a change in, an event with its journey's name out."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from models.decoding import decode_change
from models.errors import Reason, Rejected
from models.printable import printable
from models.records import with_name
from models.selection import Seen, Selection
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
        settings: Where a registry is.
        store: Knows what journeys go by, and what was published on a day before.
        selection: What is wanted.
    """

    def __init__(self, settings: Settings, store: Store, selection: Selection) -> None:
        self._reader = OutputReader(settings)
        self._store = store
        self._selection = selection
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
        return self.of(
            message.value,
            list(message.headers or ()),
            round(message.timestamp * 1000),
            message.partition,
            message.offset,
        )

    def of(
        self,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        published: int,
        partition: int,
        offset: int,
    ) -> Delivery | None:
        """The same of its parts; the time is epoch ms.

        Raises:
            Rejected: It is no change.
        """
        if value is None:
            raise Rejected(Reason.INVALID, "the value is null")
        self._reader.prepare([value])
        event = self._reader.change(value, headers)
        change = decode_change(event)
        known = questions.known(self._store, change)
        if not self._selector.wants(Seen.of(change, known, published, partition, offset)):
            return None
        body = with_name(event, printable(known.name))
        try:
            body.decode()  # what is in fields that we do not read
        except UnicodeDecodeError as error:
            raise Rejected(Reason.NOT_JSON, str(error)) from None
        return Delivery(change.data.user_id, change.id, body)

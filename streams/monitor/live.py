"""Changes as they happen, as server-sent events.

Each event's id is a cursor, so a browser that comes back goes on where it was, on any instance.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final

from litestar import get
from litestar.datastructures import State
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import ServerSentEvent
from litestar.response.sse import ServerSentEventMessage

from models.records import encode
from models.selection import Selection
from streams.monitor.api import Confidence, Kinds, Names, PerDay, selected
from streams.query import questions
from streams.query.answers import Page
from streams.query.store import Store

RETRY_MS: Final = 2_000
QUIET_SECONDS: Final = 15.0  # then a comment, so that proxies keep the connection
_PAGE: Final = 200


class News:
    """Wakes those who wait for changes. Told from the follower's thread, awaited on the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()

    def tell(self) -> None:
        """Something has come. From any thread."""
        self._loop.call_soon_threadsafe(self._wake)

    async def wait(self, seconds: float) -> bool:
        """Wait for something to come, but no longer than this; whether it came."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _wake(self) -> None:
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()


@get("/api/changes/live", tags=["journeys"])
async def live(
    state: State,
    user: str | None = None,
    kind: Kinds = None,
    name: Names = None,
    confidence: Confidence = 0.0,
    per_day: PerDay = None,
    since: datetime | None = None,
    after: Annotated[
        str | None, QueryParameter(description="a cursor; default: only what comes from now on")
    ] = None,
    last: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
) -> ServerSentEvent:
    """Changes as they are published, one event each: its type is the kind, its data a change."""
    questions.check_kinds(kind or ())
    if (begin := last or after) is None:
        begin = await asyncio.to_thread(questions.latest, state.store)
    questions.cursor_of(begin)
    return ServerSentEvent(
        _events(
            state.store, state.news, begin, user, selected(kind, name, confidence, per_day), since
        ),
        retry_duration=RETRY_MS,
    )


async def _events(
    store: Store,
    news: News,
    after: str,
    user: str | None,
    selection: Selection,
    since: datetime | None,
) -> AsyncIterator[ServerSentEventMessage]:
    def ask() -> Page:
        return questions.changes(
            store, after=after, since=since, user_id=user, selection=selection, limit=_PAGE
        )

    yield ServerSentEventMessage(data=None, comment="changes")
    while True:
        page = await asyncio.to_thread(ask)
        for change in page.changes:
            yield ServerSentEventMessage(
                data=encode(change).decode(), event=change.kind, id=change.cursor
            )
        after = page.after
        if not page.changes and not await news.wait(QUIET_SECONDS):
            yield ServerSentEventMessage(data=None, comment="quiet")

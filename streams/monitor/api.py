"""The HTTP API: the questions of `streams.query`, each at an address of its own.

A user is a parameter and no part of an address: ids are others', and may hold a slash. The OpenAPI
document at `/schema/openapi.json` is made from these functions.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Controller, get, post
from litestar.datastructures import State
from litestar.params import QueryParameter

from models.activities import MAX_VECTOR
from models.encoders.reading import is_from_characters
from models.errors import QuestionError
from models.records import UserJourneys
from models.selection import Selection
from models.vectors import Vector
from streams.query import questions
from streams.query.answers import Interest, Page, ShownChange, ShownJourney, ShownUser
from streams.query.context import TOKENS, context
from streams.query.timelines import Person, people

Limit = Annotated[int, QueryParameter(ge=1, le=questions.MOST, description="at most so many")]
At = Annotated[
    datetime | None, QueryParameter(description="as it stood then, by event time (RFC 3339)")
]
Kinds = Annotated[
    list[str] | None, QueryParameter(name="kind", description="only these kinds; may be repeated")
]
Names = Annotated[
    list[str] | None,
    QueryParameter(
        name="name",
        description="only journeys of a name like this, `*` for anything; may be repeated",
    ),
]
Confidence = Annotated[
    float, QueryParameter(ge=0, le=1, description="only journeys that are at least so sure")
]
PerDay = Annotated[
    int | None,
    QueryParameter(ge=1, description="of a user and a day (UTC, as published) the first so many"),
]
After = Annotated[str, QueryParameter(description="a cursor: only what was published behind it")]


def selected(
    kinds: list[str] | None, names: list[str] | None, confidence: float, per_day: int | None
) -> Selection:
    """What of the changes is wanted; nothing said means all."""
    return Selection(
        kinds=frozenset(kinds or ()),
        names=tuple(names or ()),
        confidence=confidence,
        per_day=per_day,
    )


class Point(msgspec.Struct):
    """A point in an encoder's space.

    Attributes:
        vector: As `journeys` and changes have them, of any length but 0.
        encoder: `name@version`, as in the header `encoder` of records of `journeys`.
    """

    vector: Annotated[list[float], msgspec.Meta(min_length=1, max_length=MAX_VECTOR)]
    encoder: str


class Api(Controller):
    """What can be asked."""

    path = "/api"
    tags = ("journeys",)

    @get("/users", sync_to_thread=True)
    def users(
        self,
        state: State,
        search: str = "",
        order: Literal["id", "recent"] = "recent",
        limit: Limit = 50,
    ) -> list[ShownUser]:
        """Users whose id holds a text."""
        return questions.users(state.store, search, order=order, limit=limit)

    @get("/people", sync_to_thread=True)
    def people(
        self,
        state: State,
        search: str = "",
        user: Annotated[
            list[str] | None, QueryParameter(description="these users; may be repeated")
        ] = None,
        limit: Limit = 30,
    ) -> list[Person]:
        """Users and their journeys over time, stage by stage."""
        return people(state.store, search, user_ids=user, limit=limit)

    @get("/journeys", sync_to_thread=True)
    def journeys(
        self,
        state: State,
        user: str,
        at: At = None,
        stage: Annotated[list[str] | None, QueryParameter(description="only these stages")] = None,
    ) -> list[ShownJourney]:
        """A user's journeys, the strongest first; empty for a user who has none."""
        return questions.journeys(state.store, user, at=at, stages=stage or ())

    @get("/user-journeys", sync_to_thread=True)
    def row(self, state: State, user: str) -> UserJourneys:
        """A user's row as the topic `user-journeys` has it: flat, times in epoch milliseconds.

        404 for a user none of whose journeys lives: the topic has a record without a value then.
        """
        return questions.row(state.store, user)

    @get("/context", media_type="text/plain", sync_to_thread=True)
    def context(
        self,
        state: State,
        user: str,
        at: At = None,
        tokens: Annotated[int, QueryParameter(ge=50, le=100_000)] = TOKENS,
    ) -> str:
        """A user's interests as a text for an assistant's prompt."""
        return context(user, questions.journeys(state.store, user, at=at), tokens)

    @get("/journeys/top", sync_to_thread=True)
    def top(self, state: State, limit: Limit = 20) -> list[Interest]:
        """The names that most users have an active journey of."""
        return questions.top(state.store, limit=limit)

    @get("/journeys/near", sync_to_thread=True)
    def near(
        self,
        state: State,
        text: Annotated[str, QueryParameter(min_length=1, max_length=1_000)],
        limit: Limit = 10,
    ) -> list[ShownJourney]:
        """Journeys of all users that are nearest to a text in a language of the encoder's."""
        encoder = state.encoder()
        vector: Vector = encoder.encode([text])[0]
        if is_from_characters(vector):
            raise QuestionError(f"encoder {encoder.name} cannot read this: nothing is near to it")
        return questions.nearest(state.store, vector, encoder.name, limit=limit)

    @post("/journeys/near", status_code=200, sync_to_thread=True)
    def near_point(self, state: State, data: Point, limit: Limit = 10) -> list[ShownJourney]:
        """Journeys of all users that are nearest to a vector, of a journey or of your own."""
        return questions.near(state.store, data.vector, data.encoder, limit=limit)

    @get("/journeys/{journey_id:str}", sync_to_thread=True)
    def journey(self, state: State, journey_id: str) -> ShownJourney:
        """A journey as it stands."""
        return questions.journey(state.store, journey_id)

    @get("/journeys/{journey_id:str}/near", sync_to_thread=True)
    def near_journey(self, state: State, journey_id: str, limit: Limit = 10) -> list[ShownJourney]:
        """Journeys of other users that are nearest to one."""
        return questions.alike(state.store, journey_id, limit=limit)

    @get("/journeys/{journey_id:str}/history", sync_to_thread=True)
    def history(self, state: State, journey_id: str) -> list[ShownChange]:
        """All that happened to a journey."""
        return questions.history(state.store, journey_id)

    @get("/changes", sync_to_thread=True)
    def changes(
        self,
        state: State,
        user: str | None = None,
        after: After = "",
        since: datetime | None = None,
        kind: Kinds = None,
        name: Names = None,
        confidence: Confidence = 0.0,
        per_day: PerDay = None,
        limit: Limit = 100,
    ) -> Page:
        """Changes of all users or of one, in each partition's order; `after` of it goes on."""
        selection = selected(kind, name, confidence, per_day)
        return questions.changes(
            state.store, after=after, since=since, user_id=user, selection=selection, limit=limit
        )

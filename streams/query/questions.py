"""What can be asked of the store. Every function may block for the time that SQLite takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from heapq import merge
from math import hypot, inf
from typing import Any, Final, Literal, get_args

import msgspec
import numpy as np

from models.decoding import ChangeEvent
from models.errors import QuestionError, UnknownError
from models.known import Known
from models.known import known as told
from models.records import ChangeData, CurrentJourney, Kind, Stage, UserJourneys
from models.selection import DAY_MS, EVERYTHING, Seen, Selection, Selector
from models.user_journeys import line_of, row_of
from models.vectors import Vector
from streams.query.answers import (
    Interest,
    Page,
    ShownChange,
    ShownJourney,
    ShownUser,
    moment,
    of_change,
    of_current,
    of_view,
)
from streams.query.store import Store

MOST: Final = 1_000  # rows of one answer
_CHUNK: Final = 500  # changes looked at at once
_CHANGES: Final = (
    "SELECT c.*, j.name AS now, CASE c.kind WHEN 'named' THEN "
    "json_extract(CAST(j.record AS TEXT), '$.journey.confidence') END AS confidence "
    "FROM changes c LEFT JOIN journeys j USING (journey_id)"
)
_SCANNED: Final = 10_000  # vectors looked at at once: ten megabytes
_KINDS: Final = get_args(Kind)
_STAGES: Final = get_args(Stage)

_data = msgspec.json.Decoder(ChangeData)
_current = msgspec.json.Decoder(CurrentJourney)


def users(
    store: Store, search: str = "", *, order: Literal["id", "recent"] = "recent", limit: int = 50
) -> list[ShownUser]:
    """Users whose id holds a text, those with the latest activity or the first ids first."""
    by = "updated_at DESC, user_id" if order == "recent" else "user_id"
    rows = store.ask(
        f"SELECT * FROM users WHERE instr(user_id, ?) ORDER BY {by} LIMIT ?",
        [search, bounded(limit)],
    )
    return [
        ShownUser(row["user_id"], row["journeys"], row["active"], moment(row["updated_at"]))
        for row in rows
    ]


def journeys(
    store: Store, user_id: str, *, at: datetime | None = None, stages: Iterable[str] = ()
) -> list[ShownJourney]:
    """A user's journeys, the strongest first; with `at`, as they stood then, by event time.

    What stood then is known from `journey-changes`, as far back as that topic was read.

    Raises:
        QuestionError: A stage is none.
    """
    wanted = _checked(stages, _STAGES)
    found = _now(store, user_id) if at is None else _then(store, user_id, at)
    return [one for one in found if not wanted or one.stage in wanted]


def journey(store: Store, journey_id: str) -> ShownJourney:
    """A journey as it stands.

    Raises:
        UnknownError: There is none of that id.
    """
    rows = store.ask("SELECT record FROM journeys WHERE journey_id = ?", [journey_id])
    if not rows:
        raise UnknownError(f"there is no journey {journey_id}")
    return of_current(_current.decode(rows[0]["record"]))


def row(store: Store, user_id: str) -> UserJourneys:
    """A user's row as `user-journeys` has it: the same fold of the same records.

    Raises:
        UnknownError: None of their journeys lives: there is no row.
    """
    found = store.ask("SELECT record FROM journeys WHERE user_id = ?", [user_id])
    standing = [_current.decode(one["record"]) for one in found]
    lines = [(one.updated_at, line) for one in standing if (line := line_of(one)) is not None]
    if (made := row_of(user_id, lines)) is None:
        raise UnknownError(f"no journey of {user_id} lives")
    return made


def history(store: Store, journey_id: str) -> list[ShownChange]:
    """All that happened to a journey, in the order of its events.

    Raises:
        UnknownError: Nothing ever did.
    """
    rows = store.ask(
        f"{_CHANGES} WHERE c.journey_id = ? ORDER BY c.occurred_at, c.partition, c.offset",
        [journey_id],
    )
    if not rows:
        raise UnknownError(f"there is no journey {journey_id}")
    return [_change(row) for row in rows]


def changes(
    store: Store,
    *,
    after: str = "",
    since: datetime | None = None,
    user_id: str | None = None,
    selection: Selection = EVERYTHING,
    limit: int = 100,
) -> Page:
    """Changes as they were published, in each partition's order.

    Args:
        store: What is asked.
        after: The `after` of the page before, or a change's `cursor`; "": from the first one kept.
            It holds on every instance, since it says where records lie on their topic.
        since: Only what occurred then or later, by event time.
        user_id: Only this user's.
        selection: Only these.
        limit: At most so many.

    Raises:
        QuestionError: A kind is none, or `after` is not of this form.
    """
    place, most = cursor_of(after), bounded(limit)
    where: list[str] = []
    values: list[Any] = []
    if kinds := _checked(selection.kinds, _KINDS):  # by SQL, since most do not fit
        where.append(f"c.kind IN ({', '.join('?' * len(kinds))})")
        values += sorted(kinds)
    if user_id is not None:
        where.append("c.user_id = ?")
        values.append(user_id)
    if since is not None:
        where.append("c.occurred_at >= ?")
        values.append(_millis(since))
    ends, wants = _ends(store), selector(store, selection).wants
    found = [_rows(store, number, place.get(number, 0), where, values) for number in ends]
    shown: list[ShownChange] = []
    for row in merge(*found, key=lambda row: row["appeared_at"]):
        if len(shown) == most:
            break
        place[row["partition"]] = row["offset"] + 1
        if wants(_seen(row)):
            shown.append(_change(row, cursor_text(place)))
    if len(shown) < most:  # what does not fit the filter need not be looked at again
        place |= {number: max(place.get(number, 0), end) for number, end in ends.items()}
    return Page(shown, cursor_text(place))


def selector(store: Store, selection: Selection) -> Selector:
    """Applies a selection from anywhere in the log: of what came before, the store is asked."""

    def earlier(change: Seen) -> list[Seen]:
        day = change.published - change.published % DAY_MS
        rows = store.ask(
            f"{_CHANGES} WHERE c.user_id = ? AND c.partition = ? AND c.offset < ? "
            "AND c.appeared_at >= ? AND c.appeared_at < ? ORDER BY c.offset",
            [change.user_id, change.partition, change.offset, day, day + DAY_MS],
        )
        return [_seen(row) for row in rows]

    return Selector(selection, earlier)


def known(store: Store, change: ChangeEvent) -> Known:
    """What a change's journey goes by now, and how sure it is."""
    journey_id = change.data.journey_id
    rows = store.ask(
        "SELECT name, json_extract(CAST(record AS TEXT), '$.journey.confidence') AS confidence "
        "FROM journeys WHERE journey_id = ?",
        [journey_id],
    ) or store.ask(
        "SELECT name, NULL AS confidence FROM changes WHERE journey_id = ? AND name IS NOT NULL "
        "ORDER BY partition, offset DESC LIMIT 1",
        [journey_id],
    )
    return told(change, *rows[0]) if rows else told(change, None, None)


def latest(store: Store) -> str:
    """The cursor behind all that is known."""
    return cursor_text(_ends(store))


def nearest(store: Store, vector: Vector, encoder: str, *, limit: int = 10) -> list[ShownJourney]:
    """Journeys of all users that are active or dormant, those nearest to a vector first.

    Args:
        store: What is asked; all its vectors are looked at.
        vector: Unit, shape (dimensions,).
        encoder: `name@version` of its space.
        limit: At most so many.

    Raises:
        QuestionError: Journeys lie in the space of another encoder, or none is known yet.
    """
    spaces = {row[0] for row in store.ask("SELECT DISTINCT encoder FROM journeys")}
    if encoder not in spaces:
        detail = f"journeys lie in the space of {', '.join(sorted(spaces)) or 'no encoder yet'}"
        raise QuestionError(f"{detail}, and this is one of {encoder}")
    most = bounded(limit)
    best: list[tuple[float, str]] = []
    last = ""
    while rows := store.ask(
        "SELECT journey_id, vector FROM journeys WHERE journey_id > ? AND encoder = ? "
        "AND vector != x'' AND stage IN ('active', 'dormant') ORDER BY journey_id LIMIT ?",
        [last, encoder, _SCANNED],
    ):
        last = rows[-1]["journey_id"]
        flat = np.frombuffer(b"".join(row["vector"] for row in rows), np.float32)
        matrix = flat.reshape(len(rows), -1)
        if (dimensions := matrix.shape[1]) != len(vector):
            raise QuestionError(
                f"{len(vector)} numbers, and {dimensions} are a vector of {encoder}"
            )
        scores = matrix @ vector
        first = np.argsort(-scores)[:most]
        best += [(float(scores[row]), rows[row]["journey_id"]) for row in first]
        best = sorted(best, reverse=True)[:most]
    marks = ", ".join("?" * len(best))
    records = {
        row["journey_id"]: row["record"]
        for row in store.ask(
            f"SELECT journey_id, record FROM journeys WHERE journey_id IN ({marks})",
            [journey_id for _, journey_id in best],
        )
    }
    return [
        of_current(_current.decode(records[journey_id]), round(score, 4))
        for score, journey_id in best
        if journey_id in records
    ]


def near(
    store: Store, point: Sequence[float], encoder: str, *, limit: int = 10
) -> list[ShownJourney]:
    """Journeys of all users that are nearest to somebody's own vector, of any length but 0.

    Raises:
        QuestionError: It is none, or lies in another space than journeys do.
    """
    length = hypot(*point)
    if not 0 < length < inf:
        raise QuestionError("finite numbers are wanted, not all 0")
    vector = np.asarray([number / length for number in point], np.float32)
    return nearest(store, vector, encoder, limit=limit)


def alike(store: Store, journey_id: str, *, limit: int = 10) -> list[ShownJourney]:
    """Journeys of other users, those nearest to a journey first; none to a sensitive one.

    Raises:
        UnknownError: There is none of that id.
    """
    rows = store.ask(
        "SELECT user_id, vector, encoder FROM journeys WHERE journey_id = ?", [journey_id]
    )
    if not rows:
        raise UnknownError(f"there is no journey {journey_id}")
    vector = np.frombuffer(rows[0]["vector"], np.float32)
    if not len(vector):
        return []  # what it is about is not told
    owner = rows[0]["user_id"]
    own = store.ask("SELECT count(*) FROM journeys WHERE user_id = ?", [owner])[0][0]
    found = nearest(store, vector, rows[0]["encoder"], limit=min(MOST, bounded(limit) + own))
    return [one for one in found if one.user_id != owner][:limit]


def top(store: Store, *, limit: int = 20) -> list[Interest]:
    """The names that most users have an active journey of, with their strengths added up."""
    rows = store.ask(
        "SELECT min(name) AS name, count(DISTINCT user_id) AS users, sum(strength) AS strength "
        "FROM journeys WHERE stage = 'active' GROUP BY lower(name) "
        "ORDER BY users DESC, strength DESC, name LIMIT ?",
        [bounded(limit)],
    )
    return [Interest(row["name"], row["users"], round(row["strength"], 2)) for row in rows]


def check_kinds(kinds: Iterable[str]) -> None:
    """Make sure that these are kinds of changes.

    Raises:
        QuestionError: One is none.
    """
    _checked(kinds, _KINDS)


def bounded(limit: int) -> int:
    """A number of rows that may be asked for.

    Raises:
        QuestionError: It is none.
    """
    if not 1 <= limit <= MOST:
        raise QuestionError(f"limit must be from 1 to {MOST}")
    return limit


def cursor_of(text: str) -> dict[int, int]:
    """A cursor's next offsets, by partition.

    Raises:
        QuestionError: It is none.
    """
    try:
        pairs = [one.split("-") for one in text.split(".") if one]
        return {int(number): int(offset) for number, offset in pairs}
    except ValueError:
        raise QuestionError(f"{text!r} is no cursor") from None


def cursor_text(place: Mapping[int, int]) -> str:
    """A cursor as text; the same place has one text only."""
    return ".".join(f"{number}-{place[number]}" for number in sorted(place))


def _ends(store: Store) -> dict[int, int]:
    """By partition of `journey-changes`: the offset behind the last change that is known."""
    rows = store.ask("SELECT partition, max(offset) + 1 FROM changes GROUP BY partition")
    return dict(map(tuple, rows))


def _now(store: Store, user_id: str) -> list[ShownJourney]:
    rows = store.ask("SELECT record FROM journeys WHERE user_id = ?", [user_id])
    found = [of_current(_current.decode(row["record"])) for row in rows]
    return sorted(found, key=lambda one: (one.rank or 1_000, -(one.strength or 0), one.journey_id))


def _then(store: Store, user_id: str, at: datetime) -> list[ShownJourney]:
    rows = store.ask(
        "SELECT journey_id, kind, name, record FROM changes WHERE user_id = ? AND occurred_at <= ? "
        "ORDER BY occurred_at, offset",
        [user_id, _millis(at)],
    )
    views: dict[str, ChangeData] = {}
    names: dict[str, ChangeData] = {}
    for row in rows:
        known = names if row["kind"] == "named" else views
        known[row["journey_id"]] = _data.decode(row["record"])
    found = []
    for journey_id, data in views.items():
        assert data.journey is not None
        named = names.get(journey_id)
        name = named.name if named and named.name else data.journey.keywords
        source = named.name_source if named and named.name_source else "keywords"
        shown = of_view(data.journey, user_id, name, source)
        found.append(msgspec.structs.replace(shown, merged_into=data.merged_into))
    return sorted(found, key=lambda one: (one.stage != "active", -one.activities, one.journey_id))


def _millis(at: datetime) -> int:
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return int(at.timestamp() * 1000)


def _rows(
    store: Store, number: int, start: int, where: Sequence[str], values: Sequence[Any]
) -> Iterator[Any]:
    """Changes of a partition from an offset on."""
    conditions = " AND ".join(["c.partition = ?", "c.offset >= ?", *where])
    query = f"{_CHANGES} WHERE {conditions} ORDER BY c.offset LIMIT {_CHUNK}"
    while rows := store.ask(query, [number, start, *values]):
        yield from rows
        if len(rows) < _CHUNK:
            return
        start = rows[-1]["offset"] + 1


def _change(row: Any, cursor: str | None = None) -> ShownChange:
    data = _data.decode(row["record"])
    return of_change(row, data, _name(row, data), cursor)


def _name(row: Any, data: ChangeData) -> str:
    keywords = data.journey.keywords if data.journey else ""
    return str(row["name"] or row["now"] or keywords or row["journey_id"])


def _seen(row: Any) -> Seen:
    data = _data.decode(row["record"])
    return Seen(
        id=row["id"],
        user_id=row["user_id"],
        kind=row["kind"],
        name=_name(row, data),
        confidence=data.journey.confidence if data.journey else row["confidence"],
        published=row["appeared_at"],
        partition=row["partition"],
        offset=row["offset"],
    )


def _checked(given: Iterable[str], known: Sequence[str]) -> set[str]:
    wanted = set(given)
    if wrong := wanted - set(known):
        detail = f"{', '.join(sorted(wrong))}: none of {', '.join(known)}"
        raise QuestionError(detail)
    return wanted

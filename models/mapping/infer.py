"""A first mapping from a sample of events: guesses by name and content, and how sure they are."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from models.errors import Rejected
from models.mapping.columns import Columns, TimeForm, can_be, columns_of, time_form
from models.mapping.event import SourceEvent
from models.mapping.file import presets
from models.mapping.mapping import Mapping

# Names that fields go by, in the order of how much they say; words of a name stand in any spelling.
_NAMES: Final = {
    "event_id": "event_id message_id event_uuid uuid insert_id record_id id",
    "user_id": "user_id customer_id member_id account_id subscriber_id profile_id visitor_id "
    "client_id person_id distinct_id reader_id viewer_id uid user user_name username email "
    "anonymous_id device_id cookie_id session_id",
    "item_id": "item_id product_id article_id content_id video_id track_id song_id movie_id "
    "show_id book_id post_id asset_id page_id listing_id document_id sku isbn object_id slug "
    "page_path path page_url url uri link item product article",
    "title": "title item_title product_title page_title item_name product_name article_title "
    "content_title headline display_name track_name song_name name label caption subject "
    "description text",
    "text": "text item_text description item_description product_description summary abstract "
    "excerpt teaser snippet synopsis overview body content",
    "occurred_at": "occurred_at event_time event_timestamp timestamp event_ts time_stamp ts time "
    "datetime date_time created_at viewed_at played_at clicked_at created date received_at sent_at "
    "updated_at at",
    "type": "event_type event_name action type event verb activity kind",
    "terms": "terms tags keywords topics categories genres",
    "weight": "weight",
}
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_ANY: Final = "id"
_OURS: Final = "registry"
_NEEDED: Final = ("user_id", "item_id", "title", "occurred_at")
_MOST: Final = 0.8  # of the events, in which a field must be for a guess to be called sure


class Proposal(NamedTuple):
    """A first mapping.

    Attributes:
        text: The TOML file, with comments.
        complete: Whether it has all that a mapping needs.
    """

    text: str
    complete: bool


def propose(values: Sequence[Any]) -> Proposal:
    """A first mapping for events like these.

    Args:
        values: Decoded events; what is no object says nothing.
    """
    events = [value for value in values if isinstance(value, dict)]
    if alike := _presets(events):
        return Proposal(_extending(alike), True)
    columns = columns_of(events)
    paths: dict[str, str] = {}
    why: dict[str, str] = {}
    for field in _NAMES:
        for path in _ranked(field, columns, set(paths.values())):
            if can_be(field, columns[path]):
                paths[field] = path
                why[field] = f"{_sure(field, path, columns[path], events)}; by its name"
                break
    if "occurred_at" not in paths:
        for path, column in columns.items():
            if time_form(column) is not None:
                paths["occurred_at"] = path
                why["occurred_at"] = f"{_sure('occurred_at', path, column, events)}; by its values"
                break
    form = time_form(columns[paths["occurred_at"]]) if "occurred_at" in paths else None
    return Proposal(_written(paths, why, form), all(field in paths for field in _NEEDED))


def _presets(events: list[dict[str, Any]]) -> list[str]:
    """The presets that read most of the events, of those that read nearly all that they count."""
    found: dict[str, int] = {}
    for name in presets():
        mapping = Mapping.load(name)
        read = failed = 0
        for event in events:
            try:
                read += bool(mapping.activities(SourceEvent(event)))
            except Rejected:
                failed += 1
        if read >= _MOST * (read + failed) and 4 * read >= len(events):
            found[name] = read
    return [name for name, read in found.items() if read == max(found.values()) > 0]


def _extending(alike: list[str]) -> str:
    if _OURS in alike:  # its fields have our names
        said = "They are activities as they stand: without a mapping they are read as well"
        return f'# {said}.\nextends = "{_OURS}"\nformat = "json"\n'
    others = f"; {', '.join(alike[1:])} reads as many" if alike[1:] else ""
    return f'# They look like events of {alike[0]}{others}.\nextends = "{alike[0]}"\n'


def _ranked(field: str, columns: Columns, taken: set[str]) -> list[str]:
    """Paths whose name may be the field's: the likeliest first; of equals the fuller, higher."""
    names = _NAMES[field].split()
    found = []
    for path, column in columns.items():
        last, both = _names_of(path)
        # "page.id" is a page's: that it ends like an event's says nothing.
        if both not in names and any(both in others.split() for others in _NAMES.values()):
            continue
        ranks = [names.index(name) for name in (last, both) if name in names]
        if ranks and path not in taken:
            found.append((min(ranks), -len(column), path.count("."), path))
    return [path for *_, path in sorted(found)]


def _names_of(path: str) -> tuple[str, str]:
    """The name of a path's last step, and that of its last two."""
    steps = ["_".join(_WORDS.findall(step)).lower() for step in path.split(".")]
    return steps[-1], "_".join(steps[-2:])


def _sure(field: str, path: str, column: list[Any], events: Sequence[Any]) -> str:
    last, both = _names_of(path)
    named = last != _ANY or both == last or both in _NAMES[field].split()  # or it is just some id
    sure = "sure" if named and len(column) >= _MOST * len(events) else "a guess"
    distinct = len({str(value) for value in column})
    return f"{sure}: in {len(column):,} of {len(events):,} events, {distinct:,} values"


def _written(paths: dict[str, str], why: dict[str, str], form: TimeForm | None) -> str:
    """The proposal as a file."""
    lines = ["# A first mapping, guessed from a sample: look at each line.", "[activity]"]
    for field in ("event_id", *_NEEDED, "text", "type", "terms", "weight"):
        if field in paths:
            said = f"{field} = {json.dumps(paths[field])}  # {why[field]}"
            lines.append(f"# {said}" if field in ("terms", "weight") else said)
        elif field in _NEEDED:
            lines.append(f'# {field} = ""  # nothing was found: say where it is')
        elif field == "event_id":
            lines.append("# no event_id was found: one is derived from the content")
    if form is not None and form != TimeForm(None, None):
        lines += ["", "[time]"]
        if form.unit is not None:
            lines.append(f'unit = "{form.unit}"')
        if form.zone is not None:
            lines.append(f'zone = "{form.zone}"  # a guess: the times have no offset')
    if "type" in paths:
        lines += [
            "",
            "# Which events count; without conditions all do.",
            "# [[only]]",
            f"# path = {json.dumps(paths['type'])}",
            '# in = ["view", "play", "buy"]',
        ]
    return "\n".join(lines) + "\n"

"""What an item id stands for: title, text, terms and vector, for events that carry only ids."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from models.activities import checked
from models.errors import Reason, Rejected
from models.mapping import values
from models.records import Activity


class CatalogueItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """An item as the catalogue knows it.

    Attributes:
        title: Stripped, 1 to 1,000 characters.
        terms: Salient terms with their scores.
        vector: A ready vector, shape (dimensions,).
        text: What it says beside its title, stripped, 1 to 280 characters.
    """

    title: str
    terms: dict[str, float] | None = None
    vector: list[float] | None = None
    text: str | None = None


Find = Callable[[str], CatalogueItem | None]


def item_of(item_id: str, value: Any) -> CatalogueItem:
    """An item from a decoded record of the catalogue.

    Args:
        item_id: Its id.
        value: An object with `title`, and maybe `text`, `terms` and `vector`; without a title, the
            text is one.

    Raises:
        Rejected: With the reason.
    """
    if not isinstance(value, dict):
        raise Rejected(Reason.INVALID, "an item must be an object")
    title, text = values.text("title", value.get("title")), values.text("text", value.get("text"))
    if not (title or "").strip():
        title, text = text, None
    found = checked(
        "e",
        "u",
        item_id,
        title or "",
        0,
        None,
        1.0,
        values.terms(value.get("terms")),
        values.vector(value.get("vector")),
        text,
    )
    return CatalogueItem(found.title, found.terms, found.vector, found.text)


def completed(activities: Iterable[Activity], find: Find) -> list[Activity]:
    """Activities, those without a title with what the catalogue knows of their items.

    What an activity brings itself wins. One with a title is left as it is: what it says of its item
    is a function of the event alone, not of what the catalogue has come to.

    Raises:
        Rejected: `unknown_item`: the catalogue does not know an item of them.
    """
    found = []
    for activity in activities:
        if not activity.title:
            item = find(activity.item_id)
            if item is None:
                raise Rejected(
                    Reason.UNKNOWN_ITEM, f"the catalogue does not know item {activity.item_id!r}"
                )
            activity = msgspec.structs.replace(
                activity,
                title=item.title,
                terms=activity.terms or item.terms,
                vector=item.vector if activity.vector is None else activity.vector,
                text=activity.text or item.text,
            )
        found.append(activity)
    return found

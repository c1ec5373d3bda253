"""The evaluation of names to be read: a page of examples, and all numbers for JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from models.evaluation.naming.experiment import Row
from models.evaluation.naming.scores import Named, picked
from models.naming.choice import TextEncoder

SHOWN_TITLES: Final = 5


def numbers(rows: Sequence[Row]) -> dict[str, Any]:
    """Scores and names, ready to be written as JSON."""
    return {
        "methods": [
            {
                "experiment": row.experiment,
                "method": row.method,
                **msgspec.to_builtins(row.score),
                "names": {
                    named.case.group.group_id: named.name for user in row.users for named in user
                },
            }
            for row in rows
        ]
    }


def page(rows: Sequence[Row], encoder: TextEncoder, journeys: int) -> str:
    """Markdown: for each of some journeys its titles and what every technique called it."""
    techniques = [row for row in rows if row.experiment == "technique"]
    lines = [
        "# Names side by side",
        "",
        "Held-out groups of titles, each with what a human and every technique called it. ",
        "✓: the name picks its journey among 20 of its kind. *keywords*: the technique gave "
        "no name that may be published, and the user sees the keywords.",
        "",
    ]
    read = [
        [(named, right) for named, right in zip(whole, picked(whole, encoder), strict=True)]
        for whole in ([named for user in row.users for named in user] for row in techniques)
    ]
    for place in range(min(journeys, len(read[0]) if read else 0)):
        lines += _journey(techniques, [whole[place] for whole in read])
    return "\n".join(lines) + "\n"


def _journey(rows: Sequence[Row], names: Sequence[tuple[Named, bool]]) -> Iterator[str]:
    case = names[0][0].case
    yield f"## {case.group.name} ({case.group.kind} of {case.group.source})"
    yield ""
    yield from (f"- {title}" for title in case.exemplars(SHOWN_TITLES))
    yield ""
    yield "| technique | name | |"
    yield "|---|---|---|"
    for row, (named, right) in zip(rows, names, strict=True):
        name = named.name.replace("|", "/")
        shown = name if named.own else f"{name} (*keywords*)"
        yield f"| {row.method} | {shown} | {'✓' if right else ''} |"
    yield ""

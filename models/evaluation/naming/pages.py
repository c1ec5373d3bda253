"""The evaluation of names to be read: a blind page with its key, and all numbers for JSON."""

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from models.evaluation.naming.experiment import CONTROL, TECHNIQUE, Row
from models.evaluation.naming.marks import Key, Shown

SHOWN_TITLES: Final = 5
CATCH: Final = "keywords of a neighbour"  # on the page, too: who would publish it does not read
INTRODUCTION: Final = """\
# Names to be read

Under the titles of each interest stand names for it, in no order. Put an x between the brackets \
of every name that you would publish as it stands, or of the last line when there is none. An \
interest without an x counts as not read.
"""
NONE: Final = "none of them"


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


def blind(rows: Sequence[Row], journeys: int) -> tuple[str, Key]:
    """A page of names in Markdown that does not say whose they are, and the key that does.

    Args:
        rows: Of which the techniques are shown, and one control.
        journeys: Most of them, drawn; the same ones every time.
    """
    shown = [
        row
        for row in rows
        if row.experiment == TECHNIQUE or (row.experiment, row.method) == (CONTROL, CATCH)
    ]
    named = [[each for user in row.users for each in user] for row in shown]
    count = len(named[0])
    key: Key = []
    lines = [INTRODUCTION]
    for place in sorted(random.Random(0).sample(range(count), min(journeys, count))):
        case = named[0][place].case
        methods: dict[str, list[str]] = {}
        for row, whole in zip(shown, named, strict=True):
            methods.setdefault(" ".join(whole[place].name.split()), []).append(row.method)
        names = list(methods)
        random.Random(case.group.group_id).shuffle(names)
        key.append(
            Shown(case.group.group_id, case.group.kind, names, [methods[name] for name in names])
        )
        lines += _journey(len(key), case.exemplars(SHOWN_TITLES), names)
    return "\n".join(lines) + "\n", key


def _journey(number: int, titles: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    yield f"## {number}"
    yield ""
    yield from (f"> {title}  " for title in titles)
    yield ""
    yield from (f"- [ ] {name}" for name in (*names, NONE))
    yield ""

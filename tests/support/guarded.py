"""Titles on sensitive subjects and on harmless ones, in two halves; what is published of them.

On one half the guard was chosen, the other is for reporting. Of a subject's titles half have a
plain word for it, half have none.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from models.engine.params import EngineParams
from models.guard.policy import Policy
from models.records import CurrentJourney
from tests.support.lives import WEEK, Life

Half = Literal["chosen on", "reported"]
DATA: Final = Path(__file__).parents[1] / "data"


class Theme(NamedTuple):
    """Titles that one person may have looked at.

    Attributes:
        language: Two letters.
        about: What they are about.
        subject: The sensitive category; "" where there is none.
        plain: Titles that say so; of a harmless theme all.
        veiled: Titles that do not.
    """

    language: str
    about: str
    subject: str
    plain: Sequence[str]
    veiled: Sequence[str]

    @property
    def titles(self) -> list[str]:
        return [*self.plain, *self.veiled]


def themes(kind: Literal["sensitive", "harmless"], half: Half) -> list[Theme]:
    """The themes of a half: every second one of a language, the first of every second language."""
    read: list[dict[str, Any]] = json.loads((DATA / f"{kind}.json").read_text("utf-8"))
    languages = list(dict.fromkeys(one["language"] for one in read))
    places = dict.fromkeys(languages, 0)
    chosen = []
    for one in read:
        language = one["language"]
        odd = (places[language] + languages.index(language)) % 2
        places[language] += 1
        if odd == (half == "reported"):
            plain = one.get("plain", one.get("titles", ()))
            subject, veiled = one.get("subject", ""), one.get("veiled", ())
            chosen.append(Theme(language, one["about"], subject, plain, veiled))
    return chosen


def journey(titles: Sequence[str], policy: Policy | None = None) -> CurrentJourney:
    """What is published of a journey of at least three titles."""
    params = EngineParams(promote_activities=len(titles), policy=policy or Policy())
    life = Life(params)
    for place, title in enumerate(titles):
        life.act(place * 3 * WEEK / len(titles) + 1, about=1, title=title)
    return next(out.journeys[-1] for out in reversed(life.outcomes) if out.journeys)


def is_withheld(current: CurrentJourney) -> bool:
    return current.name.startswith("Private interest")

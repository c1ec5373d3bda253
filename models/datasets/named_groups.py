"""Groups of titles that people have named (`names/`): what names are learned from and judged on.

Held out by list and by kind of subreddit, never by row: a tuned model and a tuned encoder may have
seen the even half, and are judged on the odd one (models/datasets/people.py).
"""

import json
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from models.datasets.people import Half, in_half, opened
from models.engine.exemplars import SHOWN
from models.errors import ModelError
from models.records import NamingRequest
from models.text.keyword_name import keyword_name
from models.text.keywords import Counts, count_terms, salient, terms_of
from models.text.phrases import Counted
from models.text.spelled import spellings
from models.text.stems import stems

Kind: TypeAlias = Literal["list", "subreddit", "person"]

LEAST_TITLES: Final = 4
BORNE_OUT: Final = 0.2  # of the titles must have a word that is put beside a heading
_ASIDE: Final = re.compile(r"\s*(?::|\||\s-\s|\.\s|\.$).*$")  # "Alpinism: A Higher Calling"
_KIND: Final = re.compile(
    r"\b(?!(?:awesome|lists?|of|for|big|the|tiny|and|cross|free)\b)[\w+#]+", re.IGNORECASE
)  # "Free programming books": programming books
_SLUG: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")  # "AdvancedRunning": two words
_ADDRESS: Final = re.compile(r"^/?r/")


@dataclass(frozen=True)
class Group:
    """Titles that belong together.

    Attributes:
        group_id: Unique.
        kind: A section of a curated list, a subreddit, or what one person did.
        source: The list, the subreddit, or the person.
        name: What a human calls them.
        titles: Distinct.
        theme: What they and more belong to: the list's title, the kind of subreddit.
        also: What other humans call them.
    """

    group_id: str
    kind: Kind
    source: str
    name: str
    titles: tuple[str, ...]
    theme: str = ""
    also: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> Counts:
        """The terms of all titles, as the engine counts them."""
        counts: Counts = {}
        for title in self.titles:
            count_terms(counts, terms_of(title))
        return counts

    @cached_property
    def names(self) -> list[str]:
        """What a human calls them; a heading of one word only with another that titles bear out.

        "Weather" in the list "Public APIs" is "Weather APIs", "Tree" in "awesome react components"
        is "Tree React components". A subreddit is put beside its best terms: "Hockey season".
        """
        if " " in self.name:
            return [self.name]
        known, spelled = stems(self.name), spellings(self.titles)
        if self.kind == "subreddit":
            return [
                f"{self.name} {spelled.get(term, term)}"
                for term in list(salient(self.counts))[:6]
                if self._bears_out(term, known)
            ]
        kind = [word for word in _KIND.findall(self.source) if self._bears_out(word, known)]
        behind = bool(kind) and re.search(r"(?<!j)s$|ing$", kind[-1])
        return [" ".join((self.name, *kind) if behind else (*kind, self.name))] if kind else []

    def _bears_out(self, word: str, known: Set[str]) -> bool:
        """Whether enough titles have a word that the heading has not."""
        wanted = stems(word)
        return not wanted & known and sum(
            bool(stems(title) & wanted) for title in self.titles
        ) >= BORNE_OUT * len(self.titles)

    def request(
        self,
        titles: Sequence[str],
        user_id: str = "",
        taken: Sequence[str] = (),
        shown: int = SHOWN,
    ) -> NamingRequest:
        """What the worker would ask for if this were a journey with these exemplars, best first."""
        return NamingRequest(
            user_id=user_id,
            journey_id=self.group_id,
            revision=1,
            titles=list(titles[:shown]),
            terms=salient(self.counts),
            keywords=keyword_name(Counted(self.counts, len(self.titles)), titles, taken),
            taken=list(taken),
            requested_at=0,
        )


def read(data: Path, half: Half) -> list[Group]:
    """The groups of one half; of the even one without titles that the odd one has, too.

    Args:
        data: A folder with `sections.jsonl.gz` and `subreddits.jsonl.gz`.
        half: Which lists and subreddits.

    Raises:
        ModelError: A file is missing or broken.
    """
    rows = [
        *_rows(data / "sections.jsonl.gz", _section),
        *_rows(data / "subreddits.jsonl.gz", _subreddit),
    ]
    seen = {
        title
        for key, group in rows
        if half == "even" and in_half(key, "odd")
        for title in group.titles
    }
    groups = [
        replace(group, titles=tuple(title for title in group.titles if title not in seen))
        for key, group in rows
        if in_half(key, half)
    ]
    return [group for group in groups if len(group.titles) >= LEAST_TITLES]


def _rows(path: Path, make: Any) -> list[tuple[str, Group]]:
    try:
        with opened(path) as file:
            return [made for line in file if (made := make(json.loads(line))) is not None]
    except (OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(f"{path}: not the named groups that are wanted: {error}") from None


def _section(row: dict[str, Any]) -> tuple[str, Group]:
    name = row["name"].strip(" \\")
    titles = tuple(dict.fromkeys(row["items"]))
    group = Group(f"list:{row['id']}", "list", row["context"], name, titles, row["context"])
    return f"s:{row['context']}", group


def _subreddit(row: dict[str, Any]) -> tuple[str, Group] | None:
    if not row["clean"]:
        return None
    name = _ASIDE.sub("", _ADDRESS.sub("", row["name"])).strip()
    group = Group(
        f"subreddit:{row['slug']}",
        "subreddit",
        row["slug"],
        name,
        tuple(dict.fromkeys(row["items"])),
        row["group"].replace("_", " "),
        (" ".join(_SLUG.findall(row["slug"])),),
    )
    return f"g:{row['group']}", group

"""Princeton WordNet's database files, read: what lies under a sense, and which words mean it."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_FILES: Final = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
_PARTS: Final = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}  # of a sense key
_BELOW: Final = "~"  # hyponym
_NAMED: Final = "~i"  # instance: a person, a place, a book
_NAMING: Final = ("n", "a")  # parts of speech that names are made of
_KIN: Final = ("+", "\\", "&")  # derivationally related form, pertainym, similar
_COUNTED: Final = 20  # tags from which their shares say more than the order of the senses


class _Synset(NamedTuple):
    words: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]  # kind, synset
    gloss: str


class _Sense(NamedTuple):
    synset: str
    rank: int
    tags: int  # how often it was meant in texts that were tagged by hand


class WordNet:
    """The database in a folder (https://wordnet.princeton.edu/documentation/wndb5wn)."""

    def __init__(self, folder: Path) -> None:
        self._synsets: dict[str, _Synset] = {}
        for part, name in _FILES.items():
            for line in (folder / f"data.{name}").read_text("utf-8").splitlines():
                if not line.startswith("  "):
                    self._add(part, line)
        self._senses: dict[str, list[_Sense]] = defaultdict(list)
        for line in (folder / "index.sense").read_text("utf-8").splitlines():
            key, offset, rank, tags = line.split()
            lemma, _, rest = key.partition("%")
            self._senses[lemma].append(_Sense(_PARTS[rest[0]] + offset, int(rank), int(tags)))

    def words(
        self, roots: Iterable[str], without: Iterable[str] = (), named: Iterable[str] = ()
    ) -> set[str]:
        """The nouns and adjectives whose usual sense lies under one of the roots, or is derived.

        Args:
            roots: Nouns with the number of a sense: "disease.1".
            without: Branches to leave out, in the same form.
            named: Senses of which what has a name counts, too: the Koran is a sacred text.
        """
        inside = self._under(roots, frozenset(map(self._sense, without)))
        inside |= {
            synset
            for one in named
            for kind, synset in self._synsets[self._sense(one)].pointers
            if kind == _NAMED
        }
        kin = {
            synset
            for known in inside
            for kind, synset in self._synsets[known].pointers
            if kind in _KIN
        }
        return {
            word.replace("_", " ")
            for synset in inside.union(kin)
            if synset[0] in _NAMING
            for word in self._synsets[synset].words
            if self._is_usual(word.lower(), inside | kin)
        }

    def glosses(self, roots: Iterable[str], without: Iterable[str] = ()) -> list[str]:
        """What the senses under the roots are explained with, in a fixed order."""
        inside = self._under(roots, frozenset(map(self._sense, without)))
        return [self._synsets[synset].gloss for synset in sorted(inside)]

    def _under(self, roots: Iterable[str], without: frozenset[str]) -> set[str]:
        inside: set[str] = set()
        todo = list(map(self._sense, roots))
        while todo:
            synset = todo.pop()
            if synset not in inside and synset not in without:
                inside.add(synset)
                todo += [to for kind, to in self._synsets[synset].pointers if kind == _BELOW]
        return inside

    def _is_usual(self, word: str, inside: set[str]) -> bool:
        """Whether a word mostly means what is inside; where few were counted, its first sense."""
        senses = self._senses[word]
        total = sum(sense.tags for sense in senses)
        own = sum(sense.tags for sense in senses if sense.synset in inside)
        if total >= _COUNTED:
            return 2 * own > total
        return all(sense.synset in inside for sense in senses if sense.rank == 1)

    def _sense(self, named: str) -> str:
        lemma, _, rank = named.rpartition(".")
        for sense in self._senses[lemma]:
            if sense.rank == int(rank) and sense.synset[0] == "n":
                return sense.synset
        raise KeyError(f"WordNet has no noun {named}")

    def _add(self, part: str, line: str) -> None:
        data, _, gloss = line.partition("|")
        fields = data.split()
        count = int(fields[3], 16)
        words = tuple(word.partition("(")[0] for word in fields[4 : 4 + 2 * count : 2])
        rest = fields[5 + 2 * count :]
        pointers = tuple(
            (kind, to_part.replace("s", "a") + to)
            for kind, to, to_part in zip(rest[0::4], rest[1::4], rest[2::4], strict=False)
            if to_part in "nvasr" and len(to) == 8 and to.isdigit()
        )
        self._synsets[part + fields[0]] = _Synset(words, pointers, gloss.strip())

"""Make `background.json`: how common words are in titles of all kinds.

Sources: titles of umbrae/reddit-top-2.5-million (PDDL 1.0) and clinc/oos-eval (CC BY 3.0), as kept
in the evaluation data. Run from the project's root, with the folder of that data:

    python -m models.text.build_background --data DATA
"""

import argparse
import csv
import gzip
import json
import math
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from models.text.words import words

LEAST_TITLES: Final = 12  # a word in fewer titles is as good as unseen
COMMON_SHARE: Final = 0.0009  # words in more titles than this say nothing by themselves
# A word that fills the titles of a few topics ("python") is salient, one that all topics use
# ("how") is not: the topics that use a word most are left out of its share.
TRIMMED: Final = 0.1
COLUMNS: Final = {
    "topics/posts_1.csv.gz": "title",
    "topics/posts_2.csv.gz": "title",
    "clinc150/texts.csv.gz": "text",
}


def build(data: Path) -> dict[str, object]:
    """Mean share of each folded word over topics, as an inverse document frequency."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    titles: Counter[str] = Counter()
    for name, column in COLUMNS.items():
        with gzip.open(data / name, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                titles[row["label"]] += 1
                for word in {word.folded for word in words(row[column])}:
                    seen[word][row["label"]] += 1
    rarest = LEAST_TITLES / 2 / titles.total()
    kept = math.ceil(len(titles) * (1 - TRIMMED))
    table = {}
    for word, counts in sorted(seen.items()):
        if counts.total() >= LEAST_TITLES:
            shares = sorted(counts[label] / titles[label] for label in titles)[:kept]
            table[word] = round(-math.log(max(sum(shares) / kept, rarest)), 2)
    return {
        "common": round(-math.log(COMMON_SHARE), 2),
        "unseen": round(-math.log(rarest), 2),
        "idf": {word: value for word, value in table.items() if value < -math.log(rarest)},
    }


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Make the table of common words.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the evaluation data")
    data = parser.parse_args().data
    if missing := [name for name in COLUMNS if not (data / name).is_file()]:
        raise SystemExit(f"{data}: {', '.join(missing)} wanted, the evaluation data's titles")
    target = Path(__file__).parent / "background.json"
    table = json.dumps(build(data), ensure_ascii=False, separators=(",", ":"))
    target.write_text(table + "\n", "utf-8")


if __name__ == "__main__":
    main()

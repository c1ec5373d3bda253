"""Texts of no topic, about all there is: from Debian's packages and what they say of themselves."""

import subprocess
from pathlib import Path

WORDNET = Path("/usr/share/wordnet")  # Debian's wordnet-base


def load_glosses() -> list[str]:
    """Texts of no topic, about all there is: WordNet's nouns, `names: what it is`."""
    glosses = []
    for line in (WORDNET / "data.noun").read_text().splitlines():
        if line.startswith(" "):
            continue  # the licence
        head, gloss = line.split("|", 1)
        fields = head.split()
        names = fields[4 : 4 + 2 * int(fields[3], 16) : 2][:3]
        spelled = ", ".join(n.split("(")[0].replace("_", " ") for n in names)
        what = gloss.split(";")[0].strip(' "')
        glosses.append(f"{spelled}: {what}")
    return list(dict.fromkeys(glosses))


def load_packages() -> list[str]:
    """What each of Debian's packages says of itself in a line, as the machine's lists have it."""
    told = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True)
    said = (line.split(": ", 1) for line in told.stdout.splitlines() if ": " in line)
    return sorted({text for field, text in said if field in ("Description", "Description-en")})

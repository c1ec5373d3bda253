"""Fit the coefficients of `models/engine/kinds.py`: which journeys are evergreen.

Fitted on the journeys of the even people of `reddit_users`, judged on the odd ones. Each journey is
looked at as it stood so many weeks after its promotion, since what can be known of it grows. What
is persistent there is evergreen; a phase, and what recurs in a season, is situational. Run it again
when the clustering changes. From the project's root, with the folder of the evaluation data:

    python -m models.evaluation.extraction.fit_kinds --data DATA --encoder best
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from models.datasets.people import Half, Person, read, rows
from models.encoders.encoder import Encoder
from models.engine.engine import Engine
from models.engine.kinds import EVEN, Rhythm, rhythm_of
from models.engine.params import DAY_MS, EngineParams
from models.errors import Rejected
from models.evaluation.extraction.calibration import calibrate, fit_logistic, logistic
from models.evaluation.extraction.experiment import FULL
from models.evaluation.extraction.fitting import command, print_weights
from models.records import CurrentJourney
from models.vectors import Doubles

AGES: Final = (0, 4, 13, 26, 52, 78)  # weeks after its promotion that a journey is looked at
EVERGREEN: Final = {"persistent": 1.0, "phase": 0.0, "recurring": 0.0}  # the others last too short

Kinds: TypeAlias = Mapping[tuple[str, str], str]  # by user and label


class Samples(NamedTuple):
    """Journeys at several ages, a row each.

    Attributes:
        ages: Weeks since the promotion, shape (n,).
        rhythms: Features, shape (n, features).
        published: The chance that the engine publishes, shape (n,).
        evergreen: 1.0 where the journey is, else 0.0, shape (n,).
    """

    ages: Doubles
    rhythms: Doubles
    published: Doubles
    evergreen: Doubles


def read_kinds(folder: Path) -> Kinds:
    """What kind each interest of a collection is, from its `interests.csv.gz`."""
    return {
        (row["user_id"], row["label"]): row["kind"] for row in rows(folder / "interests.csv.gz")
    }


def stood(person: Person, params: EngineParams) -> Iterator[tuple[str, list[CurrentJourney]]]:
    """The journeys of a person: what most of its activities are about, and how it stood each time.

    What was merged counts as what it went into.
    """
    engine = Engine(params)
    user = engine.new_user(person.user_id)
    told: dict[str, list[CurrentJourney]] = defaultdict(list)
    about: dict[str, Counter[str]] = defaultdict(Counter)
    for activity, vector, label in zip(
        person.activities, person.vectors, person.labels, strict=True
    ):
        try:
            out = engine.activity(user, activity, vector)
        except Rejected:
            continue
        for gone, kept in out.merged:
            about[kept] += about.pop(gone, Counter())
            told.pop(gone, None)
        about[out.cluster_id or ""][label] += 1
        for current in out.journeys:
            if current.journey.stage != "merged":
                told[current.journey.cluster_id].append(current)
    for cluster_id, records in told.items():
        yield about[cluster_id].most_common(1)[0][0], records


def samples(data: Path, half: Half, encoder: Encoder) -> Samples:
    """The journeys of half of the people, as they stood at each age that the data reach.

    Raises:
        JourneysError: The data are missing or broken.
    """
    params = EngineParams(scale=encoder.scale)
    kinds = read_kinds(data / "reddit_users")
    people = read(data / "reddit_users", half, FULL.people, encoder.encode).people
    end = max(person.moments[-1] for person in people)
    found = []
    for person in people:
        for label, records in stood(person, params):
            truth = EVERGREEN.get(kinds.get((person.user_id, label), ""))
            for age in AGES if truth is not None else ():
                moment = records[0].updated_at + age * 7 * DAY_MS
                if moment <= end:
                    view = [one for one in records if one.updated_at <= moment][-1].journey
                    rhythm = rhythm_of(
                        view.started_at,
                        view.last_active_at,
                        view.windows,
                        view.stage,
                        params.history_windows,
                    )
                    found.append((age, *rhythm, view.evergreen, truth))
    table = np.array(found, np.float64)
    return Samples(table[:, 0], table[:, 1:-2], table[:, -2], table[:, -1])


def report(name: str, chances: Doubles, judged: Samples) -> None:
    """Print how often chances are right, at each age too, and how they are calibrated."""
    right = (chances >= EVEN) == judged.evergreen
    calibration = calibrate(
        [(float(p), bool(y)) for p, y in zip(chances, judged.evergreen, strict=True)]
    )
    error = f"{calibration.error:.3f}" if calibration else "none"
    print(f"  {name}: {right.mean():.3f}, majority {_usual(judged.evergreen):.3f}, ECE {error}")
    for age in AGES:
        of = judged.ages == age
        print(f"    {age} weeks: {right[of].mean():.3f}, {_usual(judged.evergreen[of]):.3f}")


def fit(data: Path, spec: str) -> None:
    """Fit and judge, and print both.

    Raises:
        JourneysError: The data or the encoder is missing or broken.
    """
    encoder = Encoder.open(spec)
    even, odd = (samples(data, half, encoder) for half in ("even", "odd"))
    weights = fit_logistic(even.rhythms, even.evergreen)
    print_weights(Rhythm._fields, weights)
    for name, judged in (("even", even), ("odd", odd)):
        design = np.column_stack([judged.rhythms, np.ones(len(judged.evergreen))])
        report(f"{name}, as fitted", logistic(design, weights), judged)
        report(f"{name}, as published now", judged.published, judged)


def _usual(evergreen: Doubles) -> float:
    """How often it is right to say of all what most are."""
    share = float(evergreen.mean())
    return max(share, 1.0 - share)


if __name__ == "__main__":
    command("Fit the coefficients of the kinds.", fit)

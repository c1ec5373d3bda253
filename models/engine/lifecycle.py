"""What becomes of a journey: it starts, is revised, falls asleep, wakes, ends."""

from collections.abc import Iterable
from typing import Final

from models.engine.compact import sketched, unsketched
from models.engine.outcome import Outcome
from models.engine.params import EngineParams
from models.engine.rhythm import patience
from models.engine.themes import Member, name_themes, settle
from models.engine.users import Cluster, Journey, UserState
from models.engine.views import change, current, named, request, view
from models.engine.windows import end_of, last_closed
from models.guard.injection import talks_to_a_model
from models.records import JourneyView, Stage
from models.text.keyword_name import keyword_name
from models.text.phrases import Counted

# A mean that is nothing but chance has no length left to measure a shift by.
LEAST_SQUARE: Final = 0.01


def start(
    user: UserState, params: EngineParams, cluster: Cluster, moment: int, cause: str, out: Outcome
) -> None:
    """Make a cluster a journey; its keyword name is there at once, a better one is asked for."""
    journey = Journey("active", moment, 0, moment, b"", 0.0, "", "", "keywords")
    cluster.journey = journey
    user.numbers.promote(user.row_of(cluster.number))
    renamed = revise(user, cluster, journey, moment)
    reschedule(user, params)
    tell(user, params, renamed, moment, out)
    shown = view(user, params, cluster, journey)
    out.changes.append(change(user, shown, "started", moment, cause))
    out.changes.append(named(user, cluster, journey))
    out.journeys.append(current(user, cluster, journey, shown, moment))
    out.requests.append(request(user, cluster, journey, shown))


def revise(
    user: UserState, cluster: Cluster, journey: Journey, moment: int, left: Iterable[int] = ()
) -> list[Member]:
    """Begin a revision: what the journey is about is taken anew, so a name is wanted.

    Args:
        user: Whose.
        cluster: The journey's cluster.
        journey: What is revised.
        moment: Event time, epoch ms.
        left: Further themes whose journeys have changed.

    Returns:
        The other journeys whose theme goes by another name than before.
    """
    journey.revision += 1
    journey.revised_at = moment
    row = user.row_of(cluster.number)
    journey.anchor = sketched(user.numbers.mean(row))
    journey.anchor_mass = float(user.numbers.mass[row])
    titles = [item.title for item in user.standing(cluster)]
    journey.keywords = keyword_name(
        Counted(cluster.terms, cluster.count),
        [title for title in titles if not talks_to_a_model(title)] or titles,
        taken={other.keywords for known, other in user.journeys() if known is not cluster},
        others=[
            Counted(known.terms, known.count) for known in user.clusters if known is not cluster
        ],
    )
    if journey.source == "keywords":
        journey.name = journey.keywords
    user.dirty.add(cluster.number)
    before = journey.theme
    settle(user, cluster, journey)
    renamed = name_themes(user, dict.fromkeys((journey.theme, before, *left)))
    return [member for member in renamed if member[0] is not cluster]


def tell(
    user: UserState, params: EngineParams, members: Iterable[Member], moment: int, out: Outcome
) -> None:
    """Publish anew how journeys stand whose theme goes by another name."""
    for cluster, journey in members:
        shown = view(user, params, cluster, journey)
        out.journeys.append(current(user, cluster, journey, shown, moment))


def has_shifted(user: UserState, cluster: Cluster, journey: Journey, params: EngineParams) -> bool:
    """Whether a journey is about something else than when its name was last asked for.

    Means of few activities differ by chance, by the activities' variance over their number; only
    what is more than that is a shift. Lengths are freed of the same chance. With m and a the means
    now and then, n and k their masses, and v = 1 - |m|^2 the variance of unit vectors:

        |m - a|^2 - v |1/k - 1/n|  >  shift max(|m|^2 - v/n, LEAST_SQUARE)
    """
    row = user.row_of(cluster.number)
    mean, mass = user.numbers.mean(row), float(user.numbers.mass[row])
    square = user.numbers.square(row)
    variance = max(0.0, 1.0 - square)
    apart = mean - unsketched(journey.anchor, len(mean))
    moved = float(apart @ apart) - variance * abs(1.0 / journey.anchor_mass - 1.0 / mass)
    return moved > params.shift * max(square - variance / mass, LEAST_SQUARE)


def resume(
    user: UserState,
    params: EngineParams,
    cluster: Cluster,
    journey: Journey,
    moment: int,
    cause: str,
    out: Outcome,
) -> JourneyView:
    """Wake a dormant journey; returns it as it is then."""
    journey.stage = "active"
    user.dirty.add(cluster.number)
    shown = view(user, params, cluster, journey)
    out.changes.append(change(user, shown, "resumed", moment, cause))
    return shown


def close_windows(
    user: UserState, params: EngineParams, moment: int, lateness: int, out: Outcome
) -> None:
    """Close what windows are over at `moment`: silent journeys fall asleep, then end, in order."""
    closed = last_closed(moment, params.window_ms, lateness)
    journeys = {cluster.number: (cluster, journey) for cluster, journey in user.journeys()}
    steps: list[tuple[int, int, Stage]] = []
    for cluster, journey in journeys.values():
        asleep = sleeps_after(cluster, journey, params)
        ended = cluster.last_window + params.ended_windows
        if journey.stage == "active" and asleep <= closed:
            steps.append((asleep, cluster.number, "dormant"))
        if ended <= closed:
            steps.append((ended, cluster.number, "ended"))
    for window, number, stage in sorted(steps):
        cluster, journey = journeys[number]
        at = end_of(window, params.window_ms)
        if stage == "ended":
            end(user, params, cluster, journey, at, f"window:{at}", out)
        else:
            journey.stage, journey.slept = "dormant", window
            user.dirty.add(number)
            shown = view(user, params, cluster, journey)
            out.changes.append(change(user, shown, "dormant", at, f"window:{at}"))
            out.journeys.append(current(user, cluster, journey, shown, at))
    reschedule(user, params)


def end(
    user: UserState,
    params: EngineParams,
    cluster: Cluster,
    journey: Journey,
    moment: int,
    cause: str,
    out: Outcome,
) -> None:
    """End a journey: it is published for the last time, and forgotten."""
    shown = view(user, params, cluster, journey, "ended")
    out.changes.append(change(user, shown, "ended", moment, cause))
    out.journeys.append(current(user, cluster, journey, shown, moment))
    user.remove(cluster)
    tell(user, params, name_themes(user, (journey.theme,)), moment, out)


def reschedule(user: UserState, params: EngineParams) -> None:
    """Set the watermark from which the passing of time alone brings the user a change."""
    user.due = min(
        (due_of(cluster, journey, params) for cluster, journey in user.journeys()), default=None
    )


def sleeps_after(cluster: Cluster, journey: Journey, params: EngineParams) -> int:
    """The last silent window after which an active journey falls asleep.

    It is a later one each time: a rhythm that quickens would else have a journey, woken by what
    came late, fall asleep at the same moment once more, with a change that has the id of the first.
    """
    return max(cluster.last_window + patience(params, cluster.rhythm), journey.slept + 1)


def due_of(cluster: Cluster, journey: Journey, params: EngineParams) -> int:
    """The watermark (epoch ms) that changes a journey, if its user stays away."""
    ended = cluster.last_window + params.ended_windows
    window = sleeps_after(cluster, journey, params) if journey.stage == "active" else ended
    return end_of(window, params.window_ms) + 2 * params.lateness_ms

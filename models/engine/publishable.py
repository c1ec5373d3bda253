"""What of an outcome may be published: a sensitive journey goes by a neutral name, or not at all.

It is a function of the records alone, so that a replay and a worker publish the same bytes. State
keeps what a journey is called: the policy may change over live state.
"""

from collections.abc import Callable, Iterator, Mapping, Set
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from models.engine.outcome import Outcome
from models.guard.lexicon import touched
from models.guard.policy import Policy
from models.printable import shown
from models.records import Change, CurrentJourney, JourneyView, NamingRequest, Theme

NEUTRAL: Final = "Private interest {}"


def _is_plain(text: str) -> bool:
    """Whether a text is shown as it is."""
    return shown(text) == text


@lru_cache(maxsize=65_536)
def _is_harmless(text: str) -> bool:
    """Whether a text is shown as it is by any policy, as nearly all are: they are judged once."""
    return _is_plain(text) and not touched(text)


def make_publishable(out: Outcome, policy: Policy) -> None:
    """Take out of an outcome what may not be shown, and count it there by category."""
    if not (out.changes or out.journeys or out.requests):
        return
    told: tuple[CurrentJourney | Change, ...] = (*out.journeys, *out.changes)
    # One record's view is often another's, too: each is judged once.
    views = {id(each.journey): each.journey for each in told if each.journey is not None}
    is_unaltered = _unaltered_by(policy)
    unaltered = {key for key, view in views.items() if all(map(is_unaltered, _texts(view)))}
    sensitive = _sensitive(out, views, unaltered, policy)
    screen = _Screen(policy, sensitive, unaltered, out.withheld)
    if policy.handling == "unpublished":
        screen.drop(out)
    out.changes = list(map(screen.change, out.changes))
    out.journeys = list(map(screen.current, out.journeys))
    out.requests = [
        screen.request(request)
        for request in out.requests
        if request.journey_id not in screen.sensitive
    ]


def _sensitive(
    out: Outcome, views: Mapping[int, JourneyView], unaltered: Set[int], policy: Policy
) -> dict[str, str]:
    """The journeys that are about something sensitive, by id, each with its category."""
    known = {current.journey.journey_id: [current.name] for current in out.journeys}
    is_unaltered = _unaltered_by(policy)
    found: dict[str, str] = {}
    for key, view in views.items():
        names = known.get(view.journey_id, [])
        if key in unaltered and all(map(is_unaltered, names)):
            continue
        names = [view.keywords, *names]
        if category := policy.subject(names, (item.title for item in view.items), view.terms):
            found.setdefault(view.journey_id, category)
    return found


def _unaltered_by(policy: Policy) -> Callable[[str], bool]:
    """What tells of a text that the policy lets it through as it is; False where it may not."""
    return _is_plain if policy.handling == "shown" else _is_harmless


def _texts(view: JourneyView) -> Iterator[str]:
    """All that a view says in words."""
    yield view.keywords
    if view.theme and view.theme.name:
        yield view.theme.name
    for item in view.items:
        yield item.title
    yield from view.terms


class _Screen:
    """Lets through what may be shown.

    Args:
        policy: What may be.
        sensitive: The journeys that are about a sensitive category.
        unaltered: The views, by id(), of which every text is shown as it is.
        withheld: Counts what is withheld, by category.
    """

    def __init__(
        self,
        policy: Policy,
        sensitive: Mapping[str, str],
        unaltered: Set[int],
        withheld: dict[str, int],
    ) -> None:
        self.sensitive = sensitive
        self._policy = policy
        self._withheld = withheld
        self._unaltered = unaltered
        self._views: dict[int, JourneyView] = {}  # one record's view is often another's, too

    def drop(self, out: Outcome) -> None:
        """Drop all that says that there is a sensitive journey."""
        for category in self.sensitive.values():
            self._count(category)
        out.changes = [each for each in out.changes if each.journey_id not in self.sensitive]
        out.journeys = [
            each for each in out.journeys if each.journey.journey_id not in self.sensitive
        ]

    def change(self, change: Change) -> Change:
        """A change as it may be shown."""
        name = None if change.name is None else self._name(change.journey_id, change.name)
        journey = None if change.journey is None else self._view(change.journey)
        if name == change.name and journey is change.journey:
            return change
        return replace(change, name=name, journey=journey)

    def current(self, current: CurrentJourney) -> CurrentJourney:
        """A current journey as it may be shown."""
        name = self._name(current.journey.journey_id, current.name)
        journey = self._view(current.journey)
        if name == current.name and journey is current.journey:
            return current
        return replace(current, name=name, journey=journey)

    def request(self, request: NamingRequest) -> NamingRequest:
        """A request without what a name must not touch: the model does not see it."""
        return replace(
            request,
            titles=[shown(title) for title in request.titles if self._may_be(title)],
            terms={
                shown(term): score for term, score in request.terms.items() if self._may_be(term)
            },
            keywords=shown(request.keywords),
            taken=[shown(name) for name in request.taken if self._may_be(name)],
        )

    def _name(self, journey_id: str, name: str) -> str:
        if journey_id in self.sensitive:
            return NEUTRAL.format(journey_id.rpartition("-")[2])
        return shown(name)

    def _view(self, view: JourneyView) -> JourneyView:
        if (known := self._views.get(id(view))) is None:
            known = self._views[id(view)] = self._screened(view)
        return known

    def _screened(self, view: JourneyView) -> JourneyView:
        keywords = self._name(view.journey_id, view.keywords)
        if category := self.sensitive.get(view.journey_id):
            self._count(category)
            # The vector would tell whoever asks for journeys near to a word.
            # So would a theme's name, and which journeys are under it.
            return replace(view, keywords=keywords, items=[], terms={}, vector=[], theme=None)
        if id(view) in self._unaltered:
            return view
        return replace(
            view,
            keywords=keywords,
            items=[
                replace(item, title=shown(item.title))
                for item in view.items
                if self._may_be(item.title, count=True)
            ],
            terms={
                shown(term): score
                for term, score in view.terms.items()
                if self._may_be(term, count=True)
            },
            theme=view.theme and self._theme(view.theme),
        )

    def _theme(self, theme: Theme) -> Theme:
        if theme.name is None:
            return theme
        may_be = self._may_be(theme.name, count=True)
        return replace(theme, name=shown(theme.name) if may_be else None)

    def _may_be(self, text: str, *, count: bool = False) -> bool:
        """Whether a text may be shown; what may not is counted once, where it is published."""
        category = self._policy.category(text)
        if category is not None and count:
            self._count(category)
        return category is None

    def _count(self, category: str) -> None:
        self._withheld[category] = self._withheld.get(category, 0) + 1

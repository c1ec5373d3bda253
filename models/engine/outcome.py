"""What one input brought about: changes, current journeys, naming requests, lineage."""

from models.records import Change, CurrentJourney, NamingRequest


class Outcome:
    """What one input brought about, in the order it happened.

    Attributes:
        changes: Journey-change events.
        journeys: Current journeys to publish.
        requests: Names wanted.
        merged: (cluster id that went, cluster id that it went into).
        cluster_id: Id of the cluster that the activity was put to; None for other inputs.
        repeated: The activity was counted before, and so brought nothing.
        withheld: Names, items and terms that may not be published, by category.
    """

    __slots__ = ("changes", "cluster_id", "journeys", "merged", "repeated", "requests", "withheld")

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.journeys: list[CurrentJourney] = []
        self.requests: list[NamingRequest] = []
        self.merged: list[tuple[str, str]] = []
        self.cluster_id: str | None = None
        self.repeated = False
        self.withheld: dict[str, int] = {}

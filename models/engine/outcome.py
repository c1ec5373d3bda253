"""What one input brought about: changes, current records, naming requests, lineage."""

from models.engine.params import EngineParams
from models.engine.users import Cluster, Journey, UserState
from models.engine.views import record, request, view
from models.records import Change, JourneyRecord, JourneyView, Kind, NamingRequest, Stage


class Outcome:
    """What one input brought about, in the order it happened.

    Attributes:
        changes: Journey-change events.
        records: Current journeys to publish.
        requests: Names wanted.
        merged: (cluster id that went, cluster id that it went into).
        number: Of the cluster that the activity was put to; None for other inputs.
        promoted: Whether that cluster is a journey.
    """

    __slots__ = ("changes", "merged", "number", "params", "promoted", "records", "requests", "user")

    def __init__(self, user: UserState, params: EngineParams) -> None:
        self.user = user
        self.params = params
        self.changes: list[Change] = []
        self.records: list[JourneyRecord] = []
        self.requests: list[NamingRequest] = []
        self.merged: list[tuple[str, str]] = []
        self.number: int | None = None
        self.promoted = False

    @property
    def cluster_id(self) -> str | None:
        """Id of the cluster that the activity was put to (made when asked for: few callers do)."""
        return None if self.number is None else self.user.cluster_id(self.number)

    @property
    def journey_id(self) -> str | None:
        """Id of the journey that the activity was put to, None while the cluster is none."""
        return self.user.journey_id(self.number) if self.number and self.promoted else None

    def change(
        self,
        cluster: Cluster,
        journey: Journey,
        kind: Kind,
        moment: int,
        cause: str,
        *,
        stage: Stage | None = None,
        merged_into: str | None = None,
    ) -> JourneyView:
        """Tell a change of a journey that is still in the user's state.

        Args:
            cluster: The journey's cluster.
            journey: As it is after the change.
            kind: What happened.
            moment: Event time, epoch ms.
            cause: Event id or window; with journey and kind it makes the change's id.
            stage: Where it differs from the journey's own: an ended one is told as ended.
            merged_into: Id of the journey that goes on.

        Returns:
            The journey as it was told.
        """
        user = self.user
        journey_id = user.journey_id(cluster.number)
        shown = view(user, cluster, journey, stage or journey.stage, self.params)
        self.changes.append(
            Change(
                id=f"{journey_id}:{kind}:{cause}",
                user_id=user.user_id,
                kind=kind,
                occurred_at=moment,
                cause=cause,
                journey_id=journey_id,
                journey=shown,
                merged_into=merged_into,
            )
        )
        return shown

    def named(self, cluster: Cluster, journey: Journey) -> None:
        """Tell the journey's name; its moment is its revision's, whenever the name arrived."""
        user = self.user
        journey_id = user.journey_id(cluster.number)
        cause = f"{journey.revision}:{journey.source}"
        self.changes.append(
            Change(
                id=f"{journey_id}:named:{cause}",
                user_id=user.user_id,
                kind="named",
                occurred_at=journey.revised_at,
                cause=f"revision:{cause}",
                journey_id=journey_id,
                name=journey.name,
                name_source=journey.source,
                revision=journey.revision,
            )
        )

    def publish(
        self,
        cluster: Cluster,
        journey: Journey,
        moment: int,
        shown: JourneyView | None = None,
        *,
        merged_into: str | None = None,
    ) -> None:
        """Publish the journey as it is now, or as it was told a moment ago."""
        shown = shown or view(self.user, cluster, journey, journey.stage, self.params)
        self.records.append(record(self.user, cluster, journey, shown, moment, merged_into))

    def ask(self, cluster: Cluster, journey: Journey) -> None:
        """Ask for a name of the journey at its revision."""
        self.requests.append(request(self.user, cluster, journey))

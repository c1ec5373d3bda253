"""Names and keys of the Kafka topics: everything else takes them from here.

How they are made and what is in them is in `streams.kafka.admin`.
"""

from dataclasses import astuple, dataclass
from typing import Final, Self

from streams.settings import Settings

# Stands on a record whose value is an activity whatever a mapping says: someone has applied it.
ACTIVITY_HEADER: Final = ("journeys-activity", b"1")


@dataclass(frozen=True, slots=True)
class Topics:
    """The full names of all topics, prefix included."""

    activities: str
    rejects: str
    changes: str
    journeys: str
    user_journeys: str
    requests: str
    names: str
    items: str
    waiting: str
    undelivered: str
    erasures: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The names under these settings."""
        prefix, activities = settings.topic_prefix, settings.activities_topic
        if activities == Settings.model_fields["activities_topic"].default:
            activities = f"{prefix}{activities}"
        return cls(
            activities=activities,
            rejects=f"{prefix}activity-rejects",
            changes=f"{prefix}journey-changes",
            journeys=f"{prefix}journeys",
            user_journeys=f"{prefix}user-journeys",
            requests=f"{prefix}naming-requests",
            names=f"{prefix}journey-names",
            items=f"{prefix}items",
            waiting=f"{prefix}items-waiting",
            undelivered=f"{prefix}webhook-undelivered",
            erasures=f"{prefix}user-erasures",
        )

    def all(self) -> tuple[str, ...]:
        """Every name, in the order of the data's path."""
        return astuple(self)

    def of_worker(self) -> tuple[str, ...]:
        """Those without which the worker does nothing."""
        return (
            self.activities,
            self.rejects,
            self.changes,
            self.journeys,
            self.requests,
            self.names,
            self.erasures,
        )

    def side_by_side(self) -> tuple[str, ...]:
        """Those that must have the same number of partitions."""
        return self.activities, self.requests, self.names, self.erasures


def changelog_of(settings: Settings) -> str:
    """The topic of a group's user state."""
    return f"{settings.topic_prefix}{settings.group}-users-changelog"


def journey_key(user_id: str, journey_id: str) -> bytes:
    """The key of a journey's record on the compacted topic `journeys`."""
    return f"{user_id}/{journey_id}".encode()

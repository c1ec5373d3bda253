"""Which mapping the settings name, and who applies it.

Events on topics that the mapping or the settings name are read by `journeys intake`, which writes
activities to the activities topic. A mapping without topics is the worker's: the events lie on the
activities topic itself, each keyed by the user that it maps to.
"""

from models.errors import SettingsError
from models.mapping.mapping import Mapping
from streams.settings import Settings


def mapping_of(settings: Settings, *, titled: bool = True) -> Mapping | None:
    """The mapping of the settings; None when events are activities as they stand.

    Args:
        settings: Name it.
        titled: Whether an event needs a title; without one a catalogue must know it.

    Raises:
        SettingsError: There is no such mapping, or it is wrong.
    """
    if settings.input is None:
        return None
    return Mapping.load(settings.input, earliest_ms=settings.earliest_ms, titled=titled)


def topics_of(settings: Settings, mapping: Mapping | None) -> tuple[str, ...]:
    """The topics that `journeys intake` reads; none when the worker applies the mapping."""
    if settings.input_topics:
        return tuple(settings.input_topics.split(","))
    return mapping.topics if mapping else ()


def intake_group(settings: Settings) -> str:
    """The consumer group of `journeys intake`."""
    return f"{settings.group}-intake"


def worker_mapping(settings: Settings) -> Mapping | None:
    """The mapping that the worker applies to its topic; None when activities lie there.

    Raises:
        SettingsError: The mapping is wrong, or it gives several activities for one event.
    """
    mapping = mapping_of(settings)
    if mapping is None or topics_of(settings, mapping):
        return None
    if settings.catalogue:
        raise SettingsError(
            "JOURNEYS_CATALOGUE: `journeys intake` looks titles up: name the topics that it reads, "
            f"in {mapping.name} or as JOURNEYS_INPUT_TOPICS"
        )
    if mapping.several:
        raise SettingsError(
            f"{mapping.name}: each: an event that is several activities is for `journeys intake`: "
            "name the topics that it reads, in the mapping or as JOURNEYS_INPUT_TOPICS"
        )
    return mapping

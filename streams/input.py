"""Which mapping the settings name, and who applies it.

Events on topics that the mapping or the settings name are read by `journeys intake`, which writes
activities to the activities topic. A mapping without topics is the worker's: the events lie on the
activities topic itself, each keyed by the user that it maps to.
"""

from models.errors import SettingsError
from models.mapping.mapping import Mapping
from streams.settings import Settings


def mapping_of(settings: Settings) -> Mapping | None:
    """The mapping of the settings; None when events are activities as they stand.

    Raises:
        SettingsError: There is no such mapping, or it is wrong.
    """
    if settings.input is None:
        return None
    return Mapping.load(settings.input, earliest_ms=settings.earliest_ms)


def topics_of(settings: Settings, mapping: Mapping) -> tuple[str, ...]:
    """The topics that `journeys intake` reads; none when the worker applies the mapping."""
    return tuple(settings.input_topics.split(",")) if settings.input_topics else mapping.topics


def worker_mapping(settings: Settings) -> Mapping | None:
    """The mapping that the worker applies to its topic; None when activities lie there.

    Raises:
        SettingsError: The mapping is wrong, or it gives several activities for one event.
    """
    mapping = mapping_of(settings)
    if mapping is None or topics_of(settings, mapping):
        return None
    if mapping.several:
        raise SettingsError(
            f"{mapping.name}: each: an event that is several activities is for `journeys intake`: "
            "name the topics that it reads, in the mapping or as JOURNEYS_INPUT_TOPICS"
        )
    return mapping

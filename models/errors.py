"""Every error of the project. The class says what the caller does next.

JourneysError                the base: its message is one clear line
├── SettingsError            a setting or a flag is wrong: mend it, start again
├── ModelError               a model file is missing or broken: mend it, start again
├── BrokerError              no broker answers: start it, or wait and try again
├── RegistryError            no schema registry answers: wait and try again
├── SnapshotError            stored state cannot be read: stop, never guess
├── Rejected                 one input record cannot be used: send it to the rejects, go on
└── NamingError              no name came back; `retriable` says whether to ask again
"""

from enum import StrEnum


class JourneysError(Exception):
    """Base of all errors that this project raises on purpose."""


class SettingsError(JourneysError):
    """A setting or a flag is wrong."""


class ModelError(JourneysError):
    """A model file is missing, corrupt or not of the expected form."""


class BrokerError(JourneysError):
    """No broker answers at the configured address."""


class RegistryError(JourneysError):
    """No schema registry answers at the configured address."""

    retriable = True


class SnapshotError(JourneysError):
    """Stored user state cannot be decoded."""


class NamingError(JourneysError):
    """The language model gave no usable answer.

    Args:
        message: What happened, one line.
        retriable: True when asking again may succeed (timeout, 429, 5xx, refused connection).
    """

    def __init__(self, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.retriable = retriable


class Reason(StrEnum):
    """Why an input record was rejected; the value of the `reason` header."""

    NULL_KEY = "null_key"
    KEY_MISMATCH = "key_mismatch"
    NOT_JSON = "not_json"
    INVALID = "invalid"  # a field is missing or has the wrong type
    TOO_LARGE = "too_large"
    EMPTY_TITLE = "empty_title"
    BAD_VECTOR = "bad_vector"
    BAD_WEIGHT = "bad_weight"
    BAD_TIME = "bad_time"  # not a time, or outside the years 1970 to 2999
    FUTURE = "future"  # dated past its record's own timestamp by more than the allowed skew
    TOO_LATE = "too_late"  # its window is no longer kept
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_SCHEMA = "unknown_schema"  # the registry knows no schema of the id in front
    BAD_SCHEMA = "bad_schema"  # no id in front, a schema of no use, or a value that does not fit it


class Rejected(JourneysError):
    """An input record cannot be used; it goes to `activity-rejects` with this reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

"""Every error of the project. The class says what the caller does next.

JourneysError                the base: its message is one clear line
├── SettingsError            a setting or a flag is wrong: mend it, start again
├── ModelError               a model file is missing or broken: mend it, start again
├── BrokerError          *   no broker answers: start it, or wait and try again
├── RegistryError        *   no schema registry answers: wait and try again
├── SnapshotError            stored state cannot be read: stop, never guess
│   ├── LockedError      *   another process has it open: wait until it lets go
│   └── DamagedError         the local copy of it is damaged: drop it, read back the changelog
├── StoreError               the local copy of state cannot be written: make room, start again
├── InDoubtError             whether state was stored is not known: read back the changelog
├── GapError                 records are missing between state and batch: stop, do not skip them
├── AheadError               state goes further than the log: stop, take another group
├── StateTooLargeError       a part of a user fits into no record batch: stop
├── RecordTooLargeError      a topic takes no record of that size: cut it, or let the topic take it
├── StalledError             the worker has work and does none: end it, a restart helps
├── Rejected                 one input record cannot be used: send it to the rejects, go on
├── LineError                one line of a file cannot be sent: report it, go on
├── GoneError                a webhook's receiver wants no more: stop, send nothing
├── QuestionError            what was asked of the store makes no sense: ask otherwise
│   └── UnknownError         nothing is known of what was asked for
└── NamingError          ?   no name came back: ask again if it is retriable, else go without
    ├── UnavailableError *   no server takes requests: ask again later, as often as need be
    └── ApiError         ?   one call failed: ask again if it is retriable, else ask otherwise

* passes by itself: the very same may succeed later (`retriable`), ? where the error says so. The
others do not pass, however often the same is tried.
"""

from enum import StrEnum


class JourneysError(Exception):
    """Base of all errors that this project raises on purpose.

    Attributes:
        retriable: Whether the very same may succeed later, with nothing mended.
    """

    retriable: bool = False


def may_pass(error: BaseException) -> bool:
    """Whether to try the same again: not after an error of ours that says it would not help.

    Errors that are not ours are mostly a broker's or a network's, and those pass.
    """
    return not isinstance(error, JourneysError) or error.retriable


class SettingsError(JourneysError):
    """A setting or a flag is wrong."""


class ModelError(JourneysError):
    """A model file is missing, corrupt or not of the expected form."""


class BrokerError(JourneysError):
    """No broker answers at the configured address."""

    retriable = True


class RegistryError(JourneysError):
    """No schema registry answers at the configured address."""

    retriable = True


class SnapshotError(JourneysError):
    """Stored user state cannot be decoded."""


class LockedError(SnapshotError):
    """Another process, most likely a worker that is about to let go, has the state open."""

    retriable = True


class DamagedError(SnapshotError):
    """The local copy of a partition's state cannot be read; its changelog can."""


class StoreError(JourneysError):
    """The local copy of a partition's state cannot be written: the disk is full, or read-only."""


class InDoubtError(JourneysError):
    """What of a partition's state is stored is not known here; its changelog says it."""


class GapError(JourneysError):
    """Records between what is stored and a new batch are missing: to go on would skip them."""


class AheadError(JourneysError):
    """What is stored goes further than the log: to go on would skip what comes next."""


class StateTooLargeError(JourneysError):
    """A part of a user's state fits into no record batch, and never will."""


class RecordTooLargeError(JourneysError):
    """A record is larger than its topic takes."""


class StalledError(JourneysError):
    """The worker has work and does none."""


class LineError(JourneysError):
    """One line of a file cannot be sent."""


class GoneError(JourneysError):
    """Whom changes are sent to wants no more of them, ever."""


class QuestionError(JourneysError):
    """What was asked cannot be answered: a limit, a kind, a cursor or a vector is wrong."""


class UnknownError(QuestionError):
    """There is no such user or journey."""


class NamingError(JourneysError):
    """The language model gave no usable answer.

    Args:
        message: What happened, one line.
        retriable: True when asking again may succeed (timeout, 429, 5xx, refused connection).
    """

    def __init__(self, message: str, *, retriable: bool) -> None:
        super().__init__(message)
        self.retriable = retriable


class UnavailableError(NamingError):
    """The server did not take the request: it is down or busy, and the request not to blame."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retriable=True)


class ApiError(NamingError):
    """One call of a server's API failed.

    Args:
        message: What happened, one line.
        retriable: The next try may succeed.
        taken: The server took the request, so it may be the request's fault.
        status: Of the answer, 0 without one.
        pause: Seconds that the server wants to be left alone.
    """

    def __init__(
        self,
        message: str,
        *,
        retriable: bool,
        taken: bool = True,
        status: int = 0,
        pause: float = 0.0,
    ) -> None:
        super().__init__(message, retriable=retriable)
        self.taken = taken
        self.status = status
        self.pause = pause


class Reason(StrEnum):
    """Why an input record was rejected; the value of the `reason` header."""

    NULL_KEY = "null_key"
    KEY_MISMATCH = "key_mismatch"
    NOT_JSON = "not_json"
    INVALID = "invalid"  # a field is missing or has the wrong type
    MISSING = "missing"  # nothing is where the mapping says that a field is
    TOO_LARGE = "too_large"
    EMPTY_TITLE = "empty_title"
    BAD_VECTOR = "bad_vector"
    BAD_WEIGHT = "bad_weight"
    BAD_TIME = "bad_time"  # not a time, or before JOURNEYS_EARLIEST, or after 2999
    BAD_UNIT = "bad_unit"  # a time that makes sense in another unit only
    FUTURE = "future"  # dated past its record's own timestamp by more than the allowed skew
    TOO_LATE = "too_late"  # its window is no longer kept
    UNKNOWN_VERSION = "unknown_version"
    UNKNOWN_ITEM = "unknown_item"  # the catalogue does not know it, and it waited long enough
    UNKNOWN_SCHEMA = "unknown_schema"  # the registry knows no schema of the id in front
    BAD_SCHEMA = "bad_schema"  # no id in front, a schema of no use, or a value that does not fit it


class Rejected(JourneysError):
    """An input record cannot be used; it goes to `activity-rejects` with this reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

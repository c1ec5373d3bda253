"""The way of one activity through the services, as OpenTelemetry's spans; here are those of nobody.

A record that comes with a W3C `traceparent` whose producer chose to sample it gets a span of its
own, and what it brings about is handed on with that span's `traceparent`: to the activity that
intake makes of it, to changes, to requests for names, to their answers, to the names. A record that
comes with one that is not sampled gets no span, and its header is handed on as it came; all others
cost a look at their headers. A batch has a trace of its own, with a span for each stage, and is
linked with those of its records that have one.

Only headers tell of it: no value, no key and no id depends on whether anything is traced. Spans
bear places and counts; ids, titles and names do not leave the topics this way.

The classes here do nothing, and are what services have where nobody asks for traces: a call a batch
that returns one of three constants. `streams.service.otel` has those that do something.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from types import MappingProxyType, TracebackType
from typing import Any, Final, Protocol, Self

from mode import get_logger

from models.engine.outcome import Outcome
from streams.kafka.sending import NO_HEADERS, Headers

_log = get_logger(__name__)

# Those by which OpenTelemetry's SDKs are asked for traces, in any language.
_ASKING: Final = (
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)
_NO_STAGE: Final = nullcontext()
NOTHING: Final[Mapping[int, Any]] = MappingProxyType({})


class Carrier(Protocol):
    """A record, as far as a trace looks at it."""

    @property
    def offset(self) -> int:
        """Where it lies on its partition."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """In order."""


class Handled:
    """What is handled in a `with` block, and has ended with it."""

    def end(self) -> None:
        """It is done with."""

    def __enter__(self) -> Self:
        """Handle it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """It is done with."""
        self.end()


class Spans(Handled):
    """The spans of records that are handled together; left without `end`, they have failed.

    Attributes:
        handed: Headers for what a record brings about, by its place among them.
    """

    handed: Mapping[int, Headers] = NOTHING

    def brought(self, place: int, outcome: Outcome) -> None:
        """Say what the record at a place brought about."""

    def headers(self, published: object) -> Headers:
        """Those of a change or a request that one of them brought about."""
        return NO_HEADERS

    def end(self, outcome: str = "", refused: Mapping[int, str] = NOTHING) -> None:
        """Say what became of the records, unless it was said before.

        Args:
            outcome: In a word; empty: it failed.
            refused: Why some of them could not be used, by offset.
        """


class BatchTrace(Handled):
    """The trace of one batch."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """The span of one stage."""
        return _NO_STAGE

    def records(self, records: Iterable[Carrier]) -> Spans:
        """The spans of some of its records."""
        return NO_SPANS


class Tracing:
    """Makes the traces of a service."""

    def batch(self, topic: str, partition: int, records: int) -> BatchTrace:
        """Begin the trace of a batch of so many records."""
        return NO_TRACE

    def records(self, topic: str, partition: int, records: Iterable[Carrier]) -> Spans:
        """Begin the spans of records that are no batch."""
        return NO_SPANS

    def close(self) -> None:
        """Hand over what is not handed over yet; blocking."""


NO_SPANS: Final = Spans()
NO_TRACE: Final = BatchTrace()
NO_TRACING: Final = Tracing()


def tracing_of(service: str) -> Tracing:
    """What makes a service's traces, as OpenTelemetry's variables (`OTEL_…`) ask for.

    Args:
        service: Its name, where the variables give it no other.

    Raises:
        SettingsError: They ask for an exporter that is not installed.
    """
    asked = [name for name in _ASKING if os.environ.get(name)]
    refused = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if not asked or refused or os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return NO_TRACING
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None:
        _log.warning("%s asks for traces, and the extra `otel` is not installed", asked[0])
        return NO_TRACING
    from streams.service.otel import OtelTracing, provider_of

    return OtelTracing(provider_of(service))

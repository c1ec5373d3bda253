"""Traces by OpenTelemetry's SDK (extra `otel`); `streams.service.tracing` says what they are."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import entry_points, version
from threading import Thread
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from models.engine.outcome import Outcome
from models.errors import SettingsError
from streams.kafka.sending import NO_HEADERS, Headers
from streams.service.tracing import NOTHING, BatchTrace, Carrier, Spans, Tracing

_NAMES: Final = ("traceparent", "tracestate")
_LONGEST: Final = (
    512  # bytes of a header that is read: what W3C has every tracestate handed on with
)
CLOSE_SECONDS: Final = 3.0  # the SDK itself would try for half a minute
_EXPORTERS: Final = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_w3c = TraceContextTextMapPropagator()


def provider_of(service: str) -> TracerProvider:
    """The SDK as its variables say: exporter, sampler, limits, the service's name.

    Raises:
        SettingsError: The exporter is not installed.
    """
    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get(
        "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
    )
    wanted = _EXPORTERS.get(protocol, protocol) if name == "otlp" else name
    found = list(entry_points(group="opentelemetry_traces_exporter", name=wanted))
    if not found:
        raise SettingsError(
            f"OTEL_TRACES_EXPORTER, OTEL_EXPORTER_OTLP_PROTOCOL: no exporter {wanted} is "
            "installed; the extra `otel` brings that of http/protobuf"
        )
    named = Resource.create({"service.name": f"journeys-{service}"})
    provider = TracerProvider(
        resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(found[0].load()()))
    return provider


class OtelTracing(Tracing):
    """Makes spans.

    Args:
        provider: The SDK.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("interest-journeys", version("interest-journeys"))

    def batch(self, topic: str, partition: int, records: int) -> "OtelBatchTrace":
        """See `Tracing`."""
        return OtelBatchTrace(self._tracer, topic, partition, records)

    def records(self, topic: str, partition: int, records: Iterable[Carrier]) -> Spans:
        """See `Tracing`."""
        return OtelSpans(self._tracer, topic, partition, records)

    def close(self) -> None:
        """See `Tracing`; a collector that is away does not keep the service from its end."""
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


class OtelBatchTrace(BatchTrace):
    """A trace of its own: whether it is sampled is for the sampler to say (OTEL_TRACES_SAMPLER)."""

    def __init__(self, tracer: Tracer, topic: str, partition: int, records: int) -> None:
        self._tracer = tracer
        self._place = topic, partition
        self._span = tracer.start_span(
            f"batch {topic}",
            Context(),  # the root of a trace, whatever goes on around it
            SpanKind.CONSUMER,
            {**_place(topic, partition), "messaging.batch.message_count": records},
        )
        self._inside = set_span_in_context(self._span, Context())
        self._began = time.time_ns()

    def stage(self, name: str) -> AbstractContextManager[None]:
        """See `BatchTrace`."""
        return self._stage(name)

    def records(self, records: Iterable[Carrier]) -> Spans:
        """See `BatchTrace`; they begin with the batch, for that is what they waited in."""
        batch, began = self._span, self._began
        spans = OtelSpans(self._tracer, *self._place, records, batch.get_span_context(), began)
        for context in spans.contexts:
            batch.add_link(context)
        return spans

    def end(self) -> None:
        """See `BatchTrace`."""
        self._span.end()

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        span = self._tracer.start_span(name, self._inside)
        try:
            yield
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()


class OtelSpans(Spans):
    """The spans of those records that came with a context which is sampled."""

    def __init__(
        self,
        tracer: Tracer,
        topic: str,
        partition: int,
        records: Iterable[Carrier],
        batch: SpanContext | None = None,
        began: int | None = None,
    ) -> None:
        self.handed = handed = dict[int, Headers]()
        self._spans: dict[int, Span] = {}
        self._offsets: dict[int, int] = {}
        self._kinds: dict[int, list[str]] = {}
        self._brought: dict[int, tuple[object, Headers]] = {}  # by id(), and kept, so that it holds
        self._ended = False
        links = [Link(batch)] if batch is not None and batch.trace_flags.sampled else ()
        for place, record in enumerate(records):
            if not record.headers or (context := _context_of(record.headers)) is None:
                continue
            if not get_current_span(context).get_span_context().trace_flags.sampled:
                handed[place] = _headers_of(context)
                continue
            span = self._spans[place] = tracer.start_span(
                f"process {topic}",
                context,
                SpanKind.CONSUMER,
                {**_place(topic, partition), "messaging.kafka.offset": record.offset},
                links,
                began,
            )
            self._offsets[place] = record.offset
            handed[place] = _headers_of(set_span_in_context(span, Context()))

    @property
    def contexts(self) -> list[SpanContext]:
        """Of those that are sampled."""
        return [span.get_span_context() for span in self._spans.values()]

    def brought(self, place: int, outcome: Outcome) -> None:
        """See `Spans`."""
        if headers := self.handed.get(place):
            for one in (*outcome.changes, *outcome.requests):
                self._brought[id(one)] = one, headers
            kinds = [change.kind for change in outcome.changes]
            self._kinds.setdefault(place, []).extend(kinds)

    def headers(self, published: object) -> Headers:
        """See `Spans`."""
        return self._brought.get(id(published), (None, NO_HEADERS))[1]

    def end(self, outcome: str = "", refused: Mapping[int, str] = NOTHING) -> None:
        """See `Spans`."""
        if self._ended:
            return
        self._ended = True
        for place, span in self._spans.items():
            if not outcome:
                span.set_status(Status(StatusCode.ERROR, "not done here: it comes again"))
            elif reason := refused.get(self._offsets[place]):
                span.set_attribute("journeys.outcome", "rejected")
                span.set_status(Status(StatusCode.ERROR, reason))
            else:
                span.set_attribute("journeys.outcome", outcome)
                if kinds := self._kinds.get(place):
                    span.set_attribute("journeys.changes", kinds)
            span.end()


def _context_of(headers: Sequence[tuple[str, bytes]]) -> Context | None:
    """What a record came with; None without a context, or with none that can be read."""
    carrier = {
        name: value.decode("ascii", "replace")
        for name, value in headers
        if name in _NAMES and value is not None and len(value) <= _LONGEST
    }
    if "traceparent" not in carrier:
        return None
    context = _w3c.extract(carrier, Context())
    return context if get_current_span(context).get_span_context().is_valid else None


def _headers_of(context: Context) -> Headers:
    carrier: dict[str, str] = {}
    _w3c.inject(carrier, context)
    return [(name, value.encode()) for name, value in carrier.items()]


def _place(topic: str, partition: int) -> dict[str, str | int]:
    """By OpenTelemetry's conventions for messaging."""
    return {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
    }

"""Traces kept in memory, and the headers that begin one."""

from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from streams.service.otel import OtelTracing


class Traces:
    """What a service has told of its traces.

    Attributes:
        tracing: Given to the service.
    """

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = OtelTracing(provider)

    @property
    def spans(self) -> list[Any]:
        """All that have ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def of(self, number: int) -> list[Any]:
        """Those of the trace that `parent` begins."""
        return [span for span in self.spans if span.context.trace_id == number]


def parent(number: int, *, sampled: bool = True) -> bytes:
    """A producer's `traceparent`: of the trace of that number."""
    return b"00-%032x-%016x-%02x" % (number, number + 7, sampled)

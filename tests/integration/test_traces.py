"""One trace from an event to the name of its journey, over services that are real processes."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from kafka import KafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from models.records import encode
from streams.demo.broker import EmbeddedBroker, free_port
from streams.demo.children import Child
from streams.kafka import admin
from streams.kafka.clients import connect
from streams.settings import Settings
from streams.topics import Topics
from tests.support.intakes import IntakeProcess, raw_topic
from tests.support.traces import parent
from tests.support.vllm_stub import Stub
from tests.support.workers import WorkerProcess, activities, ledger, reader, until

USER = "elif-0"


class Collector:
    """Takes spans as OTLP over HTTP.

    Attributes:
        found: (service, name of the span, its id, its parent's), by trace.
    """

    def __init__(self) -> None:
        self.found: dict[int, list[tuple[str, str, bytes, bytes]]] = defaultdict(list)
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.take(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """In silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [
                one.value.string_value
                for one in resource.resource.attributes
                if one.key == "service.name"
            ]
            for scope in resource.scope_spans:
                for span in scope.spans:
                    trace = int.from_bytes(span.trace_id, "big")
                    self.found[trace].append(
                        (service, span.name, span.span_id, span.parent_span_id)
                    )


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    thread = Thread(target=collector.server.serve_forever)
    thread.start()
    yield collector
    collector.server.shutdown()
    thread.join()
    collector.server.server_close()


async def test_an_event_and_the_name_of_its_journey_are_in_one_trace(
    collector: Collector, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with EmbeddedBroker() as broker:
        settings = Settings.load(
            broker=broker.address, store="memory", data_dir=tmp_path, partitions=2
        )
        await asyncio.to_thread(_run, settings, stub, collector, tmp_path)


def _run(settings: Settings, stub: Stub, collector: Collector, folder: Path) -> None:
    admin.create(settings)
    raw = raw_topic(settings, "raw", 1)
    log = [one for one in activities() if one["user_id"] == USER]
    with connect(settings, KafkaProducer) as client:
        for number, one in enumerate(log, 1):
            client.send(raw, encode(one), headers=[("traceparent", parent(number))])
    named = settings.model_copy(update={"vllm_url": stub.url, "web_port": free_port()})
    intake = IntakeProcess(settings, folder, input_topics=raw)
    worker = WorkerProcess(settings, folder)
    with Child("namer", named, folder):
        topics, changes = Topics.of(settings), list[Any]()
        with reader(settings, topics.changes) as poll:

            def came() -> bool:
                changes.extend(poll())
                return any(map(_named, changes))

            until(came, "a journey is named by the model")
        change = next(filter(_named, changes))
        trace = int(dict(change.headers)["traceparent"].split(b"-")[1], 16)
        assert 1 <= trace <= len(log)
        steps = [
            ("journeys-intake", "process raw"),
            ("journeys-worker", f"process {topics.activities}"),
            ("journeys-namer", f"process {topics.requests}"),
            ("journeys-worker", f"process {topics.names}"),
        ]
        until(lambda: len(collector.found[trace]) == len(steps), "its spans have come", 20)
        before = (trace + 7).to_bytes(8, "big")
        by_parent = {one[3]: one for one in collector.found[trace]}
        for step in steps:
            assert by_parent[before][:2] == step
            before = by_parent[before][2]
    assert intake.stop() == 0
    assert worker.stop() == 0
    wanted = ledger(settings).changes
    for one in changes:
        assert _named(one) or one.value in wanted.values(), "as a replay's: only headers tell"


def _named(change: Any) -> bool:
    return b'"name_source":"llm"' in change.value

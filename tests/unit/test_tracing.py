"""Traces: one activity's way through the services, told by headers and spans alone."""

import logging
from typing import Any

import msgspec
import pytest
from aiokafka.errors import NotLeaderForPartitionError
from opentelemetry.trace import StatusCode

from models.errors import SettingsError
from models.naming.namer import KeywordNamer
from models.records import JourneyName, encode
from streams.kafka.sending import Headers
from streams.service import tracing
from streams.service.metrics import NAMER, Metrics
from streams.service.otel import OtelTracing
from streams.service.tracing import NO_TRACING, tracing_of
from streams.stages.name import NamingQueue
from tests.support.fakes import Fault, incoming, message
from tests.support.heart import TOPICS, Heart, activity, batch, lives
from tests.support.naming_queue import FakeEvent, settle
from tests.support.traces import Traces, parent

LIVES = lives()


def traced(log: list[dict[str, Any]] = LIVES, first: int = 0, **headers: bytes) -> Any:
    """The log as one batch; each activity with a trace of its own, or with these headers."""
    made = batch(log, first)
    for number, record in enumerate(made.value, first + 1):
        record.headers = list((headers or {"traceparent": parent(number)}).items())
    return made


def trace_of(headers: Any) -> int:
    return int(dict(headers)["traceparent"].split(b"-")[1], 16)


async def run(*batches: Any, traces: Traces | None = None) -> Heart:
    heart = await Heart(tracing=traces.tracing if traces else NO_TRACING).start()
    assert len(await heart.deliver(*batches)) == len(batches)
    return heart


async def test_what_an_activity_brings_about_is_in_its_trace_and_the_bytes_are_the_same() -> None:
    traces = Traces()
    heart, plain = await run(traced(), traces=traces), await run(batch(LIVES))
    changes = heart.producers.on(TOPICS.changes)
    assert len(changes) >= 6
    for record in changes:
        change, number = msgspec.json.decode(record.value or b""), trace_of(record.headers)
        if change["type"] == "journey.started.v1":
            assert change["data"]["cause"] == LIVES[number - 1]["event_id"]
        (span,) = traces.of(number)
        assert dict(record.headers)["traceparent"].split(b"-")[2] == b"%016x" % span.context.span_id
        assert span.parent.span_id == number + 7
        assert span.attributes["journeys.outcome"] == "applied"
        assert "started" in span.attributes["journeys.changes"]
        assert span.attributes["messaging.kafka.offset"] == number - 1
    requests = heart.producers.on(TOPICS.requests)
    assert {trace_of(one.headers) for one in requests} <= {trace_of(r.headers) for r in changes}
    for topic in (TOPICS.changes, TOPICS.journeys, TOPICS.requests):
        ours, theirs = heart.producers.on(topic), plain.producers.on(topic)
        assert [one[:4] for one in ours] == [one[:4] for one in theirs]
        assert "traceparent" not in {name for one in theirs for name, _ in one.headers}
    stored = [one for one in heart.producers.on(heart.producers.changelog) if one.headers]
    assert {name for one in stored for name, _ in one.headers} == {"o"}


async def test_a_batch_is_a_trace_of_its_own_with_its_stages_linked_with_its_activities() -> None:
    traces = Traces()
    await run(traced(LIVES[:3]), traces=traces)
    whole = next(span for span in traces.spans if span.name == f"batch {TOPICS.activities}")
    assert whole.parent is None
    inside = whole.context.span_id
    stages = [one for one in traces.spans if one.parent and one.parent.span_id == inside]
    assert [one.name for one in stages] == ["read", "embed", "assign", "store"]
    assert [link.context.trace_id for link in whole.links] == [1, 2, 3]
    for number in (1, 2, 3):
        (span,) = traces.of(number)
        assert [link.context.span_id for link in span.links] == [whole.context.span_id]
        assert whole.start_time <= span.start_time < span.end_time


async def test_spans_tell_nothing_of_people() -> None:
    traces = Traces()
    await run(traced(), traces=traces)
    told = " ".join(str((span.to_json(), span.events)) for span in traces.spans)
    for one in LIVES:
        for name in ("user_id", "event_id", "item_id", "title"):
            assert f'"{one[name]}"' not in told


async def test_who_is_not_sampled_is_handed_on_as_it_came_and_has_no_span() -> None:
    traces, unsampled = Traces(), parent(5, sampled=False)
    heart = await run(traced(traceparent=unsampled, tracestate=b"a=b"), traces=traces)
    changes = heart.producers.on(TOPICS.changes)
    assert changes
    for record in changes:
        assert dict(record.headers)["traceparent"] == unsampled
        assert dict(record.headers)["tracestate"] == b"a=b"
    assert not traces.of(5)
    assert not [link for span in traces.spans for link in span.links]


@pytest.mark.parametrize(
    "wrong",
    [b"", b"00-0-0-01", parent(0), b"ff" + parent(3)[2:], b"\xff\x00", None, b"0" * 1_000_000],
)
async def test_a_header_that_says_nothing_is_as_none(wrong: Any) -> None:
    traces = Traces()
    heart = await run(traced(traceparent=wrong), traces=traces)
    for record in heart.producers.on(TOPICS.changes):
        assert "traceparent" not in dict(record.headers)
    assert not [span for span in traces.spans if span.name.startswith("process")]


async def test_a_batch_that_fails_says_so_and_the_next_try_is_another_span() -> None:
    traces = Traces()
    heart = await Heart(tracing=traces.tracing).start()
    heart.producers.faults.append(Fault(0, NotLeaderForPartitionError()))
    assert len(await heart.deliver(traced())) == 1
    failed, done = traces.of(1)
    assert failed.status.status_code is StatusCode.ERROR
    assert done.status.status_code is StatusCode.UNSET
    (stage,) = [
        one for one in traces.spans if one.status.description == "NotLeaderForPartitionError"
    ]
    assert stage.name == "publish"


async def test_the_span_of_a_rejected_activity_says_why() -> None:
    traces = Traces()
    bad = [activity(1, "u1", 1, 1, title=" "), activity(2, "u1", 1, 1)]
    await run(traced(bad), traces=traces)
    rejected, applied = traces.of(1)[0], traces.of(2)[0]
    assert rejected.attributes["journeys.outcome"] == "rejected"
    assert rejected.status.description == "empty_title"
    assert applied.attributes["journeys.outcome"] == "applied"


async def test_from_the_activity_to_the_name_it_is_one_trace() -> None:
    """Over the worker, the naming queue, and the worker again."""
    traces, answers = Traces(), list[tuple[JourneyName, Headers]]()
    heart = await run(traced(), traces=traces)
    request = heart.producers.on(TOPICS.requests)[0]

    async def send(partition: int, key: bytes, answer: JourneyName, headers: Headers) -> None:
        named = msgspec.structs.replace(answer, name="A name of its own", source="llm")
        answers.append((named, headers))

    crashed: list[BaseException] = []
    queue = NamingQueue(
        KeywordNamer(), send, crashed.append, Metrics(NAMER), tracing=traces.tracing
    )
    event: Any = FakeEvent(request.value or b"", 0, 0, [])
    event.message.headers = request.headers
    await queue.take(event)
    await settle()
    ((answer, headers),) = answers
    back = incoming(0, encode(answer), answer.user_id.encode())
    back.headers = headers
    before = len(heart.producers.on(TOPICS.changes))
    await heart.deliver(message(TOPICS.names, [back]), names=True)
    (named,) = heart.producers.on(TOPICS.changes)[before:]
    assert msgspec.json.decode(named.value or b"")["type"] == "journey.named.v1"
    number = trace_of(request.headers)
    assert trace_of(named.headers) == number
    way = traces.of(number)
    assert [span.name for span in way] == [
        f"process {TOPICS.activities}",
        f"process {TOPICS.requests}",
        f"process {TOPICS.names}",
    ]
    assert [span.parent.span_id for span in way[1:]] == [one.context.span_id for one in way[:-1]]
    assert way[1].attributes["journeys.outcome"] == "named"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_SERVICE_NAME": "x", "OTEL_RESOURCE_ATTRIBUTES": "a=b"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_who_does_not_ask_for_traces_has_none(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert tracing_of("worker") is NO_TRACING


def test_who_asks_is_told_what_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier pigeon")
    with pytest.raises(SettingsError, match="no exporter carrier pigeon is installed"):
        tracing_of("worker")
    monkeypatch.setattr(tracing, "find_spec", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert tracing_of("worker") is NO_TRACING
    assert "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and the extra `otel`" in caplog.text


def test_a_service_has_the_name_that_the_variables_give_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    for given, name in (("", "journeys-worker"), ("ours", "ours")):
        monkeypatch.setenv("OTEL_SERVICE_NAME", given)
        made = tracing_of("worker")
        assert isinstance(made, OtelTracing)
        assert made._provider.resource.attributes["service.name"] == name
        made.close()

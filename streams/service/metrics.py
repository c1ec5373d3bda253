"""What services count: one list of names, each with its kind and its meaning.

Shares and rates are not counted: a query has them of the counters, over any time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from models.errors import Reason
from models.guard.policy import CATEGORIES
from models.records import Kind

# They are a second series of each counter, and no query of ours asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metric(NamedTuple):
    """One thing that is counted.

    Attributes:
        name: As Prometheus sees it.
        kind: counter (only rises), gauge (as it is now) or histogram (spread over buckets).
        meaning: For whoever reads a dashboard.
        labels: What it is split by.
        values: Of its one label, those known beforehand: they begin at 0, since a query sees no
            rise in a series that begins with its first event.
        buckets: Upper bounds of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)

ACTIVITIES: Final = Metric("journeys_activities_total", "counter", "activities applied to users")
REJECTS: Final = Metric(
    "journeys_rejects_total",
    "counter",
    "records sent to activity-rejects",
    ("reason",),
    tuple(Reason),
)
SKIPPED: Final = Metric(
    "journeys_skipped_total", "counter", "events that do not count, by the mapping's conditions"
)
REDELIVERED: Final = Metric(
    "journeys_redelivered_total", "counter", "records skipped because they had been applied before"
)
REPEATS: Final = Metric(
    "journeys_repeats_total",
    "counter",
    "activities skipped because their event id had been counted before",
)
ERASED: Final = Metric("journeys_erased_users_total", "counter", "erasures of a user")
SILENT: Final = Metric(
    "journeys_silent_total",
    "counter",
    "activities skipped because their user was erased after they came",
)
CHANGES: Final = Metric(
    "journeys_changes_total", "counter", "changes published", ("kind",), get_args(Kind)
)
UNREAD: Final = Metric(
    "journeys_unread_total",
    "counter",
    "activities whose title is in a language or script that the encoder cannot read",
)
REQUESTS: Final = Metric("journeys_naming_requests_total", "counter", "names asked for")
WITHHELD: Final = Metric(
    "journeys_withheld_total",
    "counter",
    "journeys, items and terms that were not shown as they are, by the sensitive subject",
    ("subject",),
    tuple(sorted(CATEGORIES)),
)
NAMES: Final = Metric("journeys_names_total", "counter", "answers of the namer that were read")
BATCH_RECORDS: Final = Metric(
    "journeys_batch_records",
    "histogram",
    "records per batch",
    buckets=(1, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000),
)
BATCH_SECONDS: Final = Metric(
    "journeys_batch_seconds",
    "histogram",
    "time from a batch's first step to its acknowledgement",
    buckets=SECONDS,
)
LATENCY: Final = Metric(
    "journeys_latency_seconds",
    "histogram",
    "age of a batch's oldest record when its effects are acknowledged",
    buckets=SECONDS,
)
LAG: Final = Metric("journeys_lag_records", "gauge", "activities that wait", ("partition",))
LAG_SECONDS: Final = Metric(
    "journeys_lag_seconds",
    "gauge",
    "age of the oldest activity that waits, by its record's time; 0 for none",
    ("partition",),
)
DUE: Final = Metric(
    "journeys_due_users_total", "counter", "users whom the passing of time alone has changed"
)
STATE_BYTES: Final = Metric(
    "journeys_state_bytes_total", "counter", "bytes of user state written to the changelog"
)
RETRIES: Final = Metric(
    "journeys_batch_retries_total", "counter", "batches that failed and were tried again"
)
ABANDONED: Final = Metric(
    "journeys_batches_abandoned_total",
    "counter",
    "batches given up because their partition went to another process",
)
STALLED_SECONDS: Final = Metric(
    "journeys_stalled_seconds",
    "gauge",
    "for how long nothing was done of work that waits, of the piece that stands longest; else 0",
)
TAKEN_ANEW: Final = Metric(
    "journeys_partitions_taken_anew_total",
    "counter",
    "times that a partition's state was in doubt or damaged, and read back from its changelog",
)

USERS_MET: Final = Metric(
    "journeys_users_met_total",
    "counter",
    "users read into memory, by the only known partitioner that puts them on their partition",
    ("partitioner",),
)

VECTORS: Final = Metric(
    "journeys_vectors_total",
    "counter",
    "vectors by where they came from: memory, store (kept on disk), encoder (new titles)",
    ("source",),
)
ENCODER_SECONDS: Final = Metric(
    "journeys_encoder_seconds_total", "counter", "time spent encoding, of all threads together"
)
ENCODER_QUEUE: Final = Metric(
    "journeys_encoder_queue_titles", "gauge", "titles that wait for their vectors"
)

ANSWERS: Final = Metric(
    "journeys_namer_answers_total",
    "counter",
    "naming requests done with: named, unnamed (no name may be published), superseded, bad",
    ("outcome",),
    ("named", "unnamed", "superseded", "bad"),
)
REFUSED: Final = Metric(
    "journeys_namer_refused_total",
    "counter",
    "names of the model that may not be published",
    ("reason",),
)
CALLS: Final = Metric("journeys_namer_calls_total", "counter", "completions asked of the server")
NAMING_SECONDS: Final = Metric(
    "journeys_namer_seconds",
    "histogram",
    "time from reading a request to its answer's acknowledgement",
    buckets=SECONDS,
)
UNDER_WAY: Final = Metric("journeys_namer_requests", "gauge", "requests under way or waiting")
OLDEST_REQUEST: Final = Metric(
    "journeys_namer_oldest_request_seconds",
    "gauge",
    "age of the oldest request under way or waiting, by its record's time; 0 for none",
)
SERVER_UP: Final = Metric(
    "journeys_namer_server_up", "gauge", "1 while the vLLM server answers, or none is asked; else 0"
)

EVENTS: Final = Metric("journeys_intake_events_total", "counter", "events read")
WRITTEN: Final = Metric(
    "journeys_intake_activities_total", "counter", "activities written, one to several an event"
)
HELD: Final = Metric(
    "journeys_intake_waiting", "gauge", "events that wait for their item, of the partitions here"
)
HELD_BACK: Final = Metric(
    "journeys_intake_held_back_total", "counter", "events sent to wait for their item"
)
INTAKE_LAG: Final = Metric(
    "journeys_intake_lag_records", "gauge", "events that wait to be read", ("topic",)
)
ITEMS_READ: Final = Metric(
    "journeys_items_read_total", "counter", "records of the catalogue that were read"
)
BAD_ITEMS: Final = Metric(
    "journeys_items_bad_total", "counter", "records of the catalogue that are no items"
)

CHANGES_SENT: Final = Metric(
    "journeys_webhook_changes_total",
    "counter",
    "changes done with: delivered, undelivered (kept), left_out (not wanted), unreadable",
    ("outcome",),
    ("delivered", "undelivered", "left_out", "unreadable"),
)
TRIES: Final = Metric(
    "journeys_webhook_tries_total",
    "counter",
    "requests to the receiver, by what became of them",
    ("result",),
    ("delivered", "again", "refused", "gone"),
)
DELIVERY_SECONDS: Final = Metric(
    "journeys_webhook_seconds",
    "histogram",
    "age of a change's record when it is delivered",
    buckets=SECONDS,
)
CHANGES_WAITING: Final = Metric(
    "journeys_webhook_waiting", "gauge", "changes under way or waiting for their turn"
)
OLDEST_CHANGE: Final = Metric(
    "journeys_webhook_oldest_change_seconds",
    "gauge",
    "age of the oldest change that is not done, by its record's time; 0 for none",
)
RECEIVER_UP: Final = Metric(
    "journeys_webhook_receiver_up", "gauge", "1 unless the receiver's last answer was a failure"
)

USERS_READ: Final = Metric(
    "journeys_users_records_total", "counter", "records of journeys that were read into the copy"
)
USERS_LAG: Final = Metric(
    "journeys_users_lag_records", "gauge", "records of journeys that wait to be read"
)
ROWS_WRITTEN: Final = Metric(
    "journeys_users_rows_total",
    "counter",
    "rows written, and tombstones of users without a journey",
    ("kind",),
    ("row", "tombstone"),
)
ROWS_READ: Final = Metric(
    "journeys_users_rows_read_total", "counter", "rows read back, one's own among them"
)

BROKER_UP: Final = Metric("journeys_broker_up", "gauge", "1 while the broker answers the monitor")
BACKLOG: Final = Metric(
    "journeys_backlog_records",
    "gauge",
    "records that their group has not committed: activities, naming_requests",
    ("queue",),
)
BACKLOG_SECONDS: Final = Metric(
    "journeys_backlog_seconds",
    "gauge",
    "age of the oldest of them, by its record's time; 0 for none",
    ("queue",),
)
STANDING: Final = Metric(
    "journeys_standing_partitions",
    "gauge",
    "partitions with records that wait, of which their group has committed nothing for long",
    ("queue",),
)
ARRIVED: Final = Metric(
    "journeys_backlog_arrived_total", "counter", "records that ever came", ("queue",)
)

WORKER: Final = (
    ACTIVITIES,
    REJECTS,
    SKIPPED,
    REDELIVERED,
    REPEATS,
    ERASED,
    SILENT,
    UNREAD,
    CHANGES,
    REQUESTS,
    WITHHELD,
    NAMES,
    BATCH_RECORDS,
    BATCH_SECONDS,
    LATENCY,
    LAG,
    LAG_SECONDS,
    DUE,
    STATE_BYTES,
    RETRIES,
    ABANDONED,
    STALLED_SECONDS,
    TAKEN_ANEW,
    VECTORS,
    ENCODER_SECONDS,
    ENCODER_QUEUE,
    USERS_MET,
)
NAMER: Final = (ANSWERS, REFUSED, CALLS, NAMING_SECONDS, UNDER_WAY, OLDEST_REQUEST, SERVER_UP)
INTAKE: Final = (
    EVENTS,
    WRITTEN,
    SKIPPED,
    REJECTS,
    HELD,
    HELD_BACK,
    ITEMS_READ,
    BAD_ITEMS,
    INTAKE_LAG,
    BATCH_RECORDS,
    BATCH_SECONDS,
    RETRIES,
    ABANDONED,
    STALLED_SECONDS,
)

WEBHOOK: Final = (
    CHANGES_SENT,
    TRIES,
    DELIVERY_SECONDS,
    CHANGES_WAITING,
    OLDEST_CHANGE,
    RECEIVER_UP,
)

USERS: Final = (USERS_READ, USERS_LAG, ROWS_WRITTEN, ROWS_READ)
MONITOR: Final = (BROKER_UP, BACKLOG, BACKLOG_SECONDS, ARRIVED, STANDING)


class Metrics:
    """The values of one service, and what its process takes of the machine.

    Args:
        metrics: `WORKER`, `NAMER`, `INTAKE`, `WEBHOOK`, `USERS` or `MONITOR`.
    """

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._values: dict[str, Any] = {
            metric.name: _collector(metric, self._registry) for metric in metrics
        }

    def count(self, metric: Metric, by: float = 1) -> None:
        """Raise a counter."""
        self._values[metric.name].inc(by)

    def count_each(self, metric: Metric, counts: Mapping[str, int]) -> None:
        """Raise a counter that has one label, by label value."""
        for value, by in counts.items():
            self._values[metric.name].labels(value).inc(by)

    def observe(self, metric: Metric, value: float) -> None:
        """Add a value to a histogram."""
        self._values[metric.name].observe(value)

    def raise_to(self, metric: Metric, total: float, *labels: str) -> None:
        """Raise a counter to a total that is counted elsewhere."""
        counter = self._values[metric.name].labels(*labels) if labels else self._values[metric.name]
        counter.inc(total - self.value(metric, *labels))

    def set(self, metric: Metric, value: float) -> None:
        """Set a gauge."""
        self._values[metric.name].set(value)

    def set_each(self, metric: Metric, values: Mapping[str, float]) -> None:
        """Set a gauge that has one label to these values; other label values go."""
        self._values[metric.name].clear()
        for label, value in values.items():
            self._values[metric.name].labels(label).set(value)

    def value(self, metric: Metric, *labels: str) -> float:
        """A counter or gauge as it is now, 0 when never raised."""
        names = dict(zip(metric.labels, labels, strict=True))
        return self._registry.get_sample_value(metric.name, names) or 0.0

    def text(self) -> bytes:
        """All values in Prometheus's text form."""
        return generate_latest(self._registry)


def _collector(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    if metric.kind == "counter":
        counter = Counter(metric.name, metric.meaning, metric.labels, registry=registry)
        for value in metric.values:
            counter.labels(value)
        return counter
    if metric.kind == "gauge":
        return Gauge(metric.name, metric.meaning, metric.labels, registry=registry)
    return Histogram(
        metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=registry
    )

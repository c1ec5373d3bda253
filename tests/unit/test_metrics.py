"""What Prometheus reads."""

import pytest

from models.errors import Reason
from streams.service import metrics
from streams.service.metrics import INTAKE, MONITOR, NAMER, USERS, WORKER, Metrics


@pytest.mark.parametrize("service", [WORKER, NAMER, INTAKE, MONITOR, USERS])
def test_every_metric_is_there_with_its_meaning_from_the_start(
    service: tuple[metrics.Metric, ...],
) -> None:
    text = Metrics(service).text().decode()
    for metric in service:
        name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
        assert f"{metric.name} {metric.meaning}" in text or f"{name} {metric.meaning}" in text
        assert metric.kind != "counter" or metric.name.endswith("_total")


def test_values_are_counted_by_label() -> None:
    counts = Metrics(WORKER)
    counts.count(metrics.ACTIVITIES, 3)
    counts.count_each(metrics.REJECTS, {"future": 2})
    counts.set_each(metrics.LAG, {"0": 5, "1": 6})
    counts.set_each(metrics.LAG, {"1": 7})
    assert counts.value(metrics.ACTIVITIES) == 3
    assert counts.value(metrics.REJECTS, "future") == 2
    assert counts.value(metrics.LAG, "0") == 0
    assert counts.value(metrics.LAG, "1") == 7
    assert 'journeys_lag_records{partition="1"} 7.0' in counts.text().decode()


def test_what_can_happen_begins_at_nothing() -> None:
    """Or a query would see no rise in the first that happens."""
    text = Metrics(WORKER).text().decode()
    assert all(f'journeys_rejects_total{{reason="{reason}"}} 0.0' in text for reason in Reason)
    assert 'journeys_changes_total{kind="ended"} 0.0' in text
    assert "_created" not in text

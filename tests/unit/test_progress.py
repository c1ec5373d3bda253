"""What the watch over a service makes of work that stands still."""

from collections.abc import Hashable

from models.errors import StalledError
from streams.formats.values import value_decoder
from streams.intake.health import Health
from streams.service.metrics import INTAKE, STALLED_SECONDS, Metrics
from streams.service.progress import Progress
from streams.settings import Settings
from tests.support.fakes import FakeTime


def test_work_counts_from_when_it_was_first_seen_and_anew_with_each_step() -> None:
    time = FakeTime(0.0)
    progress = Progress(10, time)
    progress.look({"a": 1, "b": 1})
    time.seconds = 8
    progress.look({"a": 1, "b": 2, "c": 1})
    time.seconds = 11
    assert progress.still() == {"a": 11}
    assert progress.longest == 11
    progress.excuse()
    assert progress.still() == {}
    time.seconds = 30
    progress.look({})
    assert progress.longest == 0


async def test_an_intake_whose_batch_never_ends_lives_no_more() -> None:
    settings = Settings.load(stall_seconds=10)
    ended: list[BaseException] = []

    async def end(error: BaseException) -> None:
        ended.append(error)

    class Stuck:
        joined = True
        owned = frozenset({1})

        def under_way(self) -> dict[str, Hashable]:
            return {"raw, partition 1": 7}

    metrics, time = Metrics(INTAKE), FakeTime(0.0)

    async def answers() -> bool:
        return True

    health = Health(settings, value_decoder(settings, "json"), metrics, end, time, answers)
    assert await health.look(), "nothing to do yet"
    health.partitions = Stuck()  # type: ignore[assignment]
    assert await health.look()
    time.seconds = 4
    assert await health.look()
    assert health.liveness().ready
    health.measure()
    assert metrics.value(STALLED_SECONDS) == 4
    time.seconds = 11
    assert not await health.look()
    assert isinstance(ended[0], StalledError)
    line = "nothing done for 11 s of work that waits: raw, partition 1"
    assert health.liveness() == health.readiness() == (False, line)

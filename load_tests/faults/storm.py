"""Workers of one group, and what befalls them."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

from load_tests.faults.memory import Memory
from load_tests.faults.naming import WAYS, NamingServer
from load_tests.faults.schedule import Fault
from streams.settings import Settings
from tests.support.damage import flip
from tests.support.workers import SESSION_SECONDS, WorkerProcess

LEAST, MOST = 2, 4  # workers at a time
GOES_ON_SECONDS: Final = 20.0  # until the next fault comes though nothing goes on
LOOK_SECONDS: Final = 0.2


class Broker(Protocol):
    """A broker that can fail."""

    def start(self) -> None:
        """Start it again, with what it had."""

    def kill(self) -> None:
        """As a machine that loses power."""

    def freeze(self) -> None:
        """It answers nobody."""

    def thaw(self) -> None:
        """It goes on."""


class Storm:
    """Two to four workers, each in a slot with a data folder of its own.

    Args:
        settings: Of the workers.
        folder: For data and logs.
        naming: The naming server.
        broker: None: nothing befalls it.
        longest: Seconds that an outage of the broker lasts at most.
        session: Seconds without a heartbeat until a worker's partitions move.
        witness: The first worker is never killed, stopped or frozen.
        say: Is told what happens.

    Attributes:
        happened: How often each fault did.
        idle: How often a fault came though nothing had gone on since the last.
        ended: The last lines of workers that ended by themselves.
        memory: Of the first worker.
        codes: Exit codes other than 0 of those that were asked to end.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        naming: NamingServer,
        broker: Broker | None,
        longest: float,
        *,
        session: float = SESSION_SECONDS,
        witness: bool,
        say: Callable[[str], None],
    ) -> None:
        self.happened: Counter[str] = Counter()
        self.idle = 0
        self.ended: list[str] = []
        self.codes: list[int] = []
        self.workers: dict[int, WorkerProcess] = {}
        self._settings = settings
        self._folder = folder
        self._naming = naming
        self._broker = broker
        self._longest = longest
        self._session = session
        self._witness = witness
        self._say = say
        for slot in range(LEAST + 1):
            self._start(slot)
        self.memory = Memory(self.workers[0].process.pid)

    def wait_ready(self) -> None:
        """Wait until all workers are in the group."""
        for worker in self.workers.values():
            worker.wait_ready()

    def strike(self, fault: Fault) -> None:
        """Wait until something goes on again, and let a fault happen."""
        time.sleep(fault.pause)
        self.look()
        if not self._goes_on():
            self.idle += 1
        self.look()
        slot = self._drawn(fault.chance)
        self._say(f"{fault.kind} ({self.workers[slot].process.pid} in slot {slot})")
        _DO[fault.kind](self, fault, slot)
        self.happened[fault.kind] += 1

    def look(self) -> None:
        """Start what has ended by itself anew, as a platform would."""
        self.memory.sample()
        for slot, worker in list(self.workers.items()):
            if worker.process.poll() is not None:
                lines = worker.log.read_text(errors="replace").strip().splitlines() or ["no word"]
                self.ended.append(lines[-1][:300])
                self._say(f"slot {slot} ended by itself: {lines[-1][:200]}")
                self._start(slot)

    def calm(self) -> None:
        """Let nothing more happen."""
        self._naming.mend()
        self.look()

    def end(self) -> None:
        """Ask all to end."""
        for slot in list(self.workers):
            self._stop(slot)

    def kill(self) -> None:
        """End them however they are."""
        for worker in self.workers.values():
            worker.kill()

    def _start(self, slot: int) -> None:
        data = self._folder / f"slot-{slot}"
        self.workers[slot] = WorkerProcess(
            self._settings, self._folder, data_dir=data, session_timeout=self._session
        )

    def _stop(self, slot: int) -> None:
        worker = self.workers.pop(slot)
        answers = worker.get("/healthz")[0] != 0  # before, it is Python that a signal ends
        if (code := worker.stop()) and answers:
            self.codes.append(code)

    def _drawn(self, chance: float) -> int:
        slots = sorted(self.workers)[1 if self._witness else 0 :]
        return slots[int(chance * len(slots))]

    def _handled(self) -> dict[int, float]:
        return {
            worker.process.pid: worker.count("journeys_activities_total")
            for worker in self.workers.values()
        }

    def _goes_on(self) -> bool:
        """Whether a worker handles activities; waits a while for it."""
        before, deadline = self._handled(), time.monotonic() + GOES_ON_SECONDS
        while time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            if any(count > before.get(pid, 0) for pid, count in self._handled().items()):
                return True
        return False

    def _do_kill(self, _: Fault, slot: int) -> None:
        self.workers[slot].kill()
        self._start(slot)

    def _do_stop(self, _: Fault, slot: int) -> None:
        self._stop(slot)
        self._start(slot)

    def _do_freeze(self, fault: Fault, slot: int) -> None:
        self.workers[slot].freeze()
        time.sleep(self._session * (1.2 + 2 * fault.length))
        self.workers[slot].thaw()

    def _do_join(self, fault: Fault, slot: int) -> None:
        if len(self.workers) == MOST:
            self._stop(slot)
        self._start(min(set(range(MOST)) - self.workers.keys()))

    def _do_leave(self, _: Fault, slot: int) -> None:
        self._stop(slot)
        if len(self.workers) < LEAST:
            self._start(slot)

    def _do_files(self, fault: Fault, slot: int) -> None:
        worker = self.workers[slot]
        worker.kill()
        files = sorted(
            file for file in worker.settings.data_dir.rglob("users-*/*") if file.stat().st_size
        )
        for number, file in enumerate(files):
            if (number + int(fault.chance * 1_000)) % 3 == 0:
                flip(file, fault.length)
        self._start(slot)

    def _do_naming(self, fault: Fault, _: int) -> None:
        self._naming.mend()
        ways = (*WAYS, "")
        if way := ways[int(fault.chance * len(ways))]:
            self._naming.fail(way)

    def _do_broker_restart(self, fault: Fault, _: int) -> None:
        assert self._broker is not None
        self._broker.kill()
        time.sleep(self._longest * fault.length)
        self._broker.start()

    def _do_broker_freeze(self, fault: Fault, _: int) -> None:
        assert self._broker is not None
        self._broker.freeze()
        time.sleep(self._longest * fault.length)
        self._broker.thaw()


_DO: Final[dict[str, Callable[[Storm, Fault, int], None]]] = {
    "kill": Storm._do_kill,
    "stop": Storm._do_stop,
    "freeze": Storm._do_freeze,
    "join": Storm._do_join,
    "leave": Storm._do_leave,
    "files": Storm._do_files,
    "naming": Storm._do_naming,
    "broker-restart": Storm._do_broker_restart,
    "broker-freeze": Storm._do_broker_freeze,
}

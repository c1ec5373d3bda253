"""One run: a broker, a namer, workers, a log that comes in, faults, and the ledger at the end."""

import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from load_tests.faults.load import Load, records
from load_tests.faults.naming import NamingServer
from load_tests.faults.schedule import CLEAN, faults
from load_tests.faults.storm import Broker, Storm
from models.encoders.cache import VectorCache
from models.encoders.encoder import Encoder
from streams.kafka import admin
from streams.ledger.verify import Finding, verify
from streams.settings import Settings
from tests.support.workers import SESSION_SECONDS, NamerProcess, wait_until_handled

CACHED = 100_000  # vectors, of the ledger
CLEAN_SESSION_SECONDS = 20.0
PATIENCE = 60.0  # seconds without anything new, until what is missing is lost
YEARS = 1e9  # seconds: the wall clock moves no partition's time, which no replay would know


class Plan(msgspec.Struct, frozen=True):
    """What a run is to be.

    Attributes:
        seed: Draws faults and poison.
        kinds: Which faults.
        events: Activities; faults come until all are sent.
        rate: Records a second, at most.
        poison: Share of poison beside the activities.
        pause: Seconds between two faults, on average.
        outage: Seconds that the broker is away, at most.
        witness: The first worker is spared, and its memory followed.
    """

    seed: int
    kinds: Sequence[str]
    events: int
    rate: float
    poison: float = 0.1
    pause: float = 2.0
    outage: float = 60.0
    witness: bool = False


def run(
    plan: Plan,
    address: str,
    broker: Broker | None,
    folder: Path,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Run it; the numbers and what the ledger says.

    Args:
        plan: What is to be.
        address: Of the broker.
        broker: That broker, if something may befall it.
        folder: For data and logs.
        say: Is told what happens.
    """
    name = f"faults-{uuid.uuid4().hex[:8]}"
    settings = Settings.load(
        broker=address,
        topic_prefix=f"{name}-",
        group=name,
        store="rocksdb",
        encoder="fast",
        batch_records=100,
        idle_seconds=YEARS,
        data_dir=folder,
        web_port=0,
    )
    admin.create(settings)
    with NamingServer() as naming:
        namer = NamerProcess(settings, folder, vllm_url=naming.url)
        clean = set(plan.kinds) <= CLEAN
        storm = Storm(
            settings,
            folder,
            naming,
            broker,
            plan.outage,
            # On a busy machine a short session ends by itself: that is no clean end.
            session=CLEAN_SESSION_SECONDS if clean else SESSION_SECONDS,
            witness=plan.witness,
            say=say,
        )
        try:
            storm.wait_ready()
            with Load(settings, records(plan.events, plan.poison, plan.seed), plan.rate) as load:
                seconds = _blow(plan, storm, load)
            storm.calm()
            handled = _handled(settings, storm)
            verdict = verify(settings, VectorCache(Encoder.open("fast"), CACHED), PATIENCE)
            storm.end()
            namer.stop()
        finally:
            storm.kill()
            namer.kill()
    if clean and verdict.repeats:
        verdict.findings.append(Finding("changes came again after clean ends", verdict.repeats, []))
    if handled:
        verdict.findings.append(Finding("partitions stand still", 1, [handled]))
    if storm.codes:
        codes = [str(code) for code in storm.codes]
        verdict.findings.append(Finding("workers ended with an error", len(codes), codes[:3]))
    verdict.ids = []
    return {
        "plan": msgspec.to_builtins(plan),
        "seconds": round(seconds, 1),
        "faults": dict(storm.happened),
        "idle": storm.idle,
        "ended_by_themselves": storm.ended,
        "sent": load.count,
        "not_sent": load.failed,
        "verdict": msgspec.to_builtins(verdict),
        "lines": verdict.lines(),
        "memory": storm.memory.summary() if plan.witness else None,
    }


def _blow(plan: Plan, storm: Storm, load: Load) -> float:
    began = time.monotonic()
    for fault in faults(plan.seed, plan.kinds, plan.pause):
        if load.is_through:
            break
        storm.strike(fault)
    return time.monotonic() - began


def _handled(settings: Settings, storm: Storm) -> str:
    """Wait until the group has committed all; what hinders it, if something does."""
    try:
        wait_until_handled(settings)
    except AssertionError as error:
        return str(error)
    storm.look()
    return ""

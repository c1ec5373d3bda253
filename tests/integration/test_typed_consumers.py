"""Consumers in TypeScript and Go, typed by what `journeys schema` prints and nothing else."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from models.records import UserJourneys
from streams.cli import main
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics, journey_key
from tests.support.published import publish_sample, sample
from tests.support.users import UsersProcess, standing
from tests.support.users import wanted as wanted_rows
from tests.support.workers import read, send, until

CONSUMERS = Path(__file__).parents[1] / "consumers"
TYPES = ("npm", "run", "-s", "types", "--")
BUILT = pytest.mark.parametrize(
    ("language", "command"),
    [("typescript", ("node", "build/consumer.js")), ("go", ("./consumer",))],
)


def run(folder: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, timeout=250
    )
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr).decode()}"
    return done.stdout.decode()


@pytest.fixture(scope="module")
def consumers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both, built as a stranger would: the schema, types from it, the compiler."""
    if missing := [tool for tool in ("go", "npm") if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("consumers") / "built"
    shutil.copytree(CONSUMERS, folder)
    for message in ("JourneyChange", "UserJourneys"):
        schema = CliRunner().invoke(main, ["schema", "--message", message]).output
        (folder / f"typescript/{message}.json").write_text(schema)
    run(folder / "typescript", "npm", "install", "--silent", "--no-audit", "--no-fund")
    run(folder / "typescript", *TYPES, "--lang", "typescript", "-o", "types.ts")
    run(folder / "typescript", *TYPES, "--lang", "go", "--package", "main", "-o", "../go/types.go")
    run(folder / "typescript", "npm", "run", "-s", "build")
    run(folder / "go", "go", "build", "-o", "consumer", ".")
    return folder


def wanted() -> list[dict[str, Any]]:
    """What they are to print of changes, by id."""
    return sorted(
        (
            {
                "id": one.id,
                "type": f"journey.{one.kind}.v1",
                "user": one.user_id,
                "name": one.name or (one.journey.keywords if one.journey else ""),
                "confidence": one.journey.confidence if one.journey else None,
                "theme": one.journey.theme.name if one.journey and one.journey.theme else None,
            }
            for one in sample().changes
        ),
        key=lambda one: str(one["id"]),
    )


def told(record: Any) -> dict[str, Any]:
    """What they are to print of a row."""
    user = record.key.decode()
    if record.value is None:
        return {"user": user, "journeys": None}
    row = msgspec.json.decode(record.value, type=UserJourneys)
    shown = ("journey_uuid", "name", "stage", "rank", "strength", "theme")
    journeys = [{name: getattr(one, name) for name in shown} for one in row.journeys]
    return {"user": user, "updated_at": row.updated_at, "journeys": journeys}


@BUILT
def test_a_typed_consumer_reads_every_change(
    settings: Settings, consumers: Path, language: str, command: tuple[str, ...]
) -> None:
    admin.create(settings)
    publish_sample(settings)
    printed = run(
        consumers / language,
        *command,
        BROKER=settings.broker,
        TOPIC=Topics.of(settings).changes,
        GROUP=f"{settings.group}-{language}",
        UNTIL=str(len(sample().changes)),
    )
    found = [json.loads(line) for line in printed.splitlines()]
    assert sorted(found, key=lambda one: one["id"]) == wanted()


@BUILT
def test_a_typed_consumer_reads_every_row_and_who_has_none_any_more(
    settings: Settings, consumers: Path, tmp_path: Path, language: str, command: tuple[str, ...]
) -> None:
    admin.create(settings)
    publish_sample(settings)
    topics = Topics.of(settings)
    gone = min(wanted_rows(settings))
    mine = {one.journey.journey_id for one in sample().journeys if one.user_id == gone}
    service = UsersProcess(settings, tmp_path)
    try:
        until(lambda: standing(settings) == wanted_rows(settings), "rows are there", every=0.5)
        send(settings, [(journey_key(gone, one), None) for one in mine], topics.journeys)
        until(lambda: gone not in standing(settings), "one is erased", every=0.5)
    finally:
        service.kill()
    records = read(settings, topics.user_journeys)
    printed = run(
        consumers / language,
        *(*command, "rows"),
        BROKER=settings.broker,
        TOPIC=topics.user_journeys,
        GROUP=f"{settings.group}-{language}",
        UNTIL=str(len(records)),
    )
    rows = [json.loads(line) for line in printed.splitlines()]
    found = {one["user"]: one for one in rows}  # a user's are on one partition, in order
    assert found == {one.key.decode(): told(one) for one in records}
    assert {user for user, one in found.items() if one["journeys"]} == wanted_rows(settings).keys()
    assert found[gone] == {"user": gone, "journeys": None}

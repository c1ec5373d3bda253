"""Consumers in TypeScript and Go, typed by what `journeys schema` prints and nothing else."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics
from tests.support.published import publish_sample, sample

CONSUMERS = Path(__file__).parents[1] / "consumers"
TYPES = ("npm", "run", "-s", "types", "--")


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
    schema = CliRunner().invoke(main, ["schema", "--message", "JourneyChange"]).output
    (folder / "typescript/change.schema.json").write_text(schema)
    run(folder / "typescript", "npm", "install", "--silent", "--no-audit", "--no-fund")
    run(folder / "typescript", *TYPES, "--lang", "typescript", "-o", "types.ts")
    run(folder / "typescript", *TYPES, "--lang", "go", "--package", "main", "-o", "../go/types.go")
    run(folder / "typescript", "npm", "run", "-s", "build")
    run(folder / "go", "go", "build", "-o", "consumer", ".")
    return folder


def wanted() -> list[dict[str, Any]]:
    """What they are to print, by id."""
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


@pytest.mark.parametrize(
    ("language", "command"),
    [("typescript", ("node", "build/consumer.js")), ("go", ("./consumer",))],
)
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

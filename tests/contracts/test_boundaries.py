"""Imports point one way (DESIGN.md, section 7), and the top-level packages are ours alone."""

import ast
import importlib
import importlib.metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KAFKA_CLIENTS = {"kafka", "aiokafka", "faust", "mode", "quixstreams", "confluent_kafka"}


def modules(package: str) -> list[tuple[str, Path]]:
    paths = sorted((ROOT / package).rglob("*.py"))
    names = [path.relative_to(ROOT).with_suffix("").parts for path in paths]
    return [
        (".".join(part for part in parts if part != "__init__"), path)
        for parts, path in zip(names, paths, strict=True)
    ]


def imports(path: Path) -> set[str]:
    """The full names of all that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the direction"
            found |= {node.module or ""} | {f"{node.module}.{a.name}" for a in node.names}
    return found


def under(names: set[str], *packages: str) -> set[str]:
    return {
        name
        for name in names
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }


@pytest.mark.parametrize(("name", "path"), modules("models"))
def test_models_know_no_stage_and_no_broker(name: str, path: Path) -> None:
    assert not under(imports(path), "streams", "tests", "load_tests", *KAFKA_CLIENTS)


@pytest.mark.parametrize(("name", "path"), modules("streams"))
def test_streams_import_one_way(name: str, path: Path) -> None:
    found = imports(path)
    assert not under(found, "tests", "load_tests")
    if not name.startswith("streams.cli"):
        assert not under(found, "streams.cli"), "only the command line stands above the app"
    own = name.removeprefix("streams.")
    if own.startswith("stages."):
        assert not under(found, "streams.worker", "streams.namer"), "the app knows its stages"


def test_the_top_level_packages_are_ours() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in ("streams", "models"):
        assert set(owners.get(package, ["interest-journeys"])) == {"interest-journeys"}
        module = importlib.import_module(package)
        assert Path(module.__file__ or "").parent == ROOT / package


def test_docker_is_no_package() -> None:
    assert not list((ROOT / "docker").rglob("__init__.py")), "it would hide the Docker SDK"

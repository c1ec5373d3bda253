"""Imports point one way, from room to room, and the top-level packages are ours alone."""

import ast
import importlib
import importlib.metadata
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KAFKA_CLIENTS = {"kafka", "aiokafka", "faust", "mode", "quixstreams", "confluent_kafka"}

# A room is a folder (its subfolders are rooms of their own) or a file named here. It may import
# the rooms that its arrows lead to, also over others, and nothing else of ours.
ARROWS: dict[str, set[str]] = {
    "streams.cli.evaluate": {"streams.cli", "models.evaluation.naming"},
    "streams.cli.tune": {"streams.cli", "models.encoders.tuning", "models.naming.tuning"},
    "streams.cli": {
        "streams.monitor",
        "streams.worker",
        "streams.move",
        "streams.backfill",
        "streams.intake",
        "streams.namer",
        "streams.webhook",
        "streams.users",
        "streams.demo",
    },
    "streams.webhook": {"streams.query", "streams.stages"},
    "streams.monitor": {"streams.query", "streams.rejects", "streams.encoding", "streams.service"},
    "streams.users": {"streams.query", "streams.service"},
    "streams.query": {"streams.formats", "streams.kafka"},
    "streams.move": {"streams.state", "streams.encoding"},
    "streams.worker": {"streams.stages", "streams.encoding"},
    "streams.intake": {"streams.stages"},
    "streams.namer": {"streams.stages"},
    "streams.demo": {"streams.demo.sample", "streams.ledger"},
    "streams.ledger": {"streams.replay", "streams.stages"},
    "streams.demo.sample": {"models"},
    "streams.backfill": {"streams.files", "streams.rejects", "streams.stages"},
    "streams.rejects": {"streams.kafka"},
    "streams.input": {"streams.settings", "models.mapping"},
    "streams.stages": {
        "streams.input",
        "streams.formats",
        "streams.state",
        "streams.service",
        "models.encoders",
        "models.naming",
    },
    "streams.state": {"streams.kafka", "models.encoders", "models.engine"},
    "streams.service": {"streams.kafka"},
    "streams.encoding": {"streams.settings", "models.encoders"},
    "streams.replay": {"streams.encoding", "streams.kafka", "streams.files", "models.engine"},
    "streams.files": {"models.mapping"},
    "streams.kafka": {"streams.topics"},
    "streams.formats": {"streams.topics"},
    "streams.topics": {"streams.settings"},
    "streams.settings": {"models.engine"},
    "streams": set(),
    "models.evaluation.naming": {"models.evaluation.extraction", "models.naming"},
    "models.evaluation.extraction": {"models.evaluation", "models.encoders", "models.datasets"},
    "models.evaluation": {"models"},
    "models.naming.tuning": {"models.naming"},
    "models.naming": {"models.datasets"},
    "models.datasets": {"models.engine"},
    "models.engine": {"models.guard"},
    "models.guard": {"models.text"},
    "models.text": {"models"},
    "models.mapping": {"models"},
    "models.encoders.training": {"models.encoders.tuning"},
    "models.encoders.tuning": {"models.encoders", "models.evaluation.extraction"},
    "models.encoders": {"models.engine", "models.encoders.multilingual"},
    "models.encoders.multilingual": {"models"},
    "models": set(),
}


def modules() -> list[tuple[str, Path]]:
    paths = sorted(path for top in ("streams", "models") for path in (ROOT / top).rglob("*.py"))
    return [
        (".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path)
        for path in paths
    ]


def room_of(module: str) -> str:
    """The room of a module, or of a name in one."""
    while module not in ARROWS:
        module = module.rpartition(".")[0]
    return module


def reachable(room: str) -> set[str]:
    """A room, and all below it."""
    return {room}.union(*map(reachable, ARROWS[room]))


def imports(path: Path) -> set[str]:
    """The full names of all that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the direction"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def under(names: set[str], *packages: str) -> set[str]:
    return {
        name
        for name in names
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }


def test_the_arrows_lead_down() -> None:
    TopologicalSorter(ARROWS).prepare()  # raises CycleError


def test_every_folder_has_its_place() -> None:
    folders = {".".join(path.parent.relative_to(ROOT).parts) for _, path in modules()}
    assert folders <= ARROWS.keys(), "a new room: say above what it may import"
    assert ARROWS.keys() <= folders | {name for name, _ in modules()}, "a room that is gone"


@pytest.mark.parametrize(("name", "path"), modules())
def test_imports_follow_the_arrows(name: str, path: Path) -> None:
    found, allowed = imports(path), reachable(room_of(name))
    assert not under(found, "tests", "load_tests")
    assert not {n for n in under(found, "streams", "models") if room_of(n) not in allowed}


@pytest.mark.parametrize(("name", "path"), modules())
def test_models_and_names_of_topics_need_no_kafka_client(name: str, path: Path) -> None:
    if room_of(name).partition(".")[0] == "models" or name in (
        "streams.settings",
        "streams.topics",
    ):
        assert not under(imports(path), *KAFKA_CLIENTS)


def test_the_top_level_packages_are_ours() -> None:
    owners = importlib.metadata.packages_distributions()
    for package in ("streams", "models"):
        assert set(owners.get(package, ["interest-journeys"])) == {"interest-journeys"}
        module = importlib.import_module(package)
        assert Path(module.__file__ or "").parent == ROOT / package


def test_docker_is_no_package() -> None:
    assert not list((ROOT / "docker").rglob("__init__.py")), "it would hide the Docker SDK"

"""Every command explains itself and fails in one line with the right exit code."""

import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from models.errors import BrokerError, JourneysError, Reason, Rejected, SettingsError
from streams.cli import INTERRUPTED, Commands, main
from streams.cli.settings import table

JOURNEYS = str(Path(sys.executable).with_name("journeys"))
COMMANDS = main.list_commands(click.Context(main))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    "path", [(), *((name,) for name in COMMANDS), ("topics", "create"), ("topics", "describe")]
)
def test_help_has_an_example(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    assert f"journeys {' '.join(path)}".strip() in result.stdout.split("Examples:")[1]


def test_help_lists_every_command_without_loading_one() -> None:
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from streams.cli import main\n"
            "try: main(['--help'])\n"
            "finally: print({'pydantic', 'kafka', 'faust', 'numpy'} & sys.modules.keys())",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(f"  {name} " in seen for name in COMMANDS)
    assert seen.endswith("set()\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("a setting"), 2),
        (Rejected(Reason.NOT_JSON, "input"), 2),
        (BrokerError("no broker"), 1),
        (JourneysError("two\n  lines"), 1),
        (FileNotFoundError(2, "No such file", "gone.jsonl"), 1),
        (KeyboardInterrupt(), INTERRUPTED),
        (click.UsageError("wrong flag"), 2),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(error: BaseException, code: int) -> None:
    @click.command()
    def fails() -> None:
        raise error

    class One(Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return fails

    result = CliRunner().invoke(One("journeys"), ["any"])
    assert result.exit_code == code
    if code == INTERRUPTED:
        assert not result.output.strip()
    else:
        assert result.stderr.startswith("journeys: ")
        assert result.stderr.count("\n") == 1
    assert not result.stdout.strip()


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing",),
        ("watch", "--no-such-flag"),
        ("watch", "--max", "0"),
        ("produce",),
        ("produce", "missing.jsonl"),
        ("topics", "create", "--partitions", "x"),
        ("watch", "--broker", "localhost:port"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("journeys: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [("topics", "create"), ("topics", "describe"), ("produce", "-"), ("watch",)]
)
def test_no_broker_is_one_line_and_exit_code_1(arguments: tuple[str, ...]) -> None:
    start = time.monotonic()
    seen = subprocess.run(
        [JOURNEYS, *arguments, "--broker", "127.0.0.1:1", "--broker-timeout", "0.5"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert seen.returncode == 1
    assert seen.stderr == "journeys: no broker answers at 127.0.0.1:1 within 0.5 s\n"
    assert time.monotonic() - start < 10


def test_secrets_have_no_flag() -> None:
    assert "--vllm-url" in run("worker", "--help").stdout
    assert "api-key" not in run("worker", "--help").stdout


def test_the_table_of_settings_is_checked_against_a_file(tmp_path: Path) -> None:
    printed = run("settings").stdout
    assert "| `JOURNEYS_BROKER` | `localhost:9092` |" in printed
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{printed}\nMore.\n")
    assert run("settings", "--check", str(readme)).exit_code == 0
    readme.write_text(printed.replace("localhost:9092", "localhost:9093"))
    assert run("settings", "--check", str(readme)).exit_code == 1


def test_the_readme_holds_the_table_of_settings() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert table() in readme.read_text(encoding="utf-8")

"""Every command explains itself and fails in one line with the right exit code."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from models.errors import BrokerError, JourneysError, Reason, Rejected, SettingsError
from streams.cli import main
from streams.cli.commands import INTERRUPTED, Commands
from streams.cli.settings import table
from tests.support.processes import start

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


# What takes longest to import, and what nothing needs that only tells how a command is used.
HEAVY = {
    "numpy",
    "pyarrow",
    "numba",
    "river",
    "onnxruntime",
    "tokenizers",
    "faust",
    "aiokafka",
    "rocksdict",
}
LIGHT_COMMANDS = [[name] for name in COMMANDS] + [
    ["topics", "create"],
    ["topics", "describe"],
    ["rejects", "list"],
    ["rejects", "replay"],
    ["evaluate", "extraction"],
    ["evaluate", "naming"],
    ["tune", "encoder"],
    ["tune", "prompt"],
    ["tune", "lora"],
]


def imported(code: str) -> tuple[set[str], str]:
    """The top-level packages that a fresh Python has imported after some code, and its output."""
    seen = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\ntry:\n    {code}\nfinally:\n    print('IMPORTED', *sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    output, _, names = seen.rpartition("IMPORTED")
    return {name.partition(".")[0] for name in names.split()}, output


def test_help_lists_every_command_without_loading_one() -> None:
    names, output = imported("from streams.cli import main; main(['--help'])")
    assert all(f"  {name} " in output for name in COMMANDS)
    assert not names & (HEAVY | {"pydantic", "kafka", "rich"})


@pytest.mark.parametrize("path", LIGHT_COMMANDS, ids=" ".join)
def test_a_commands_help_waits_for_nothing_heavy(path: list[str]) -> None:
    names, output = imported(f"from streams.cli import main; main({[*path, '--help']!r})")
    assert "Usage: " in output
    assert not names & HEAVY


def test_settings_wait_for_nothing_heavy() -> None:
    assert not imported("import streams.settings")[0] & HEAVY


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (("evaluate", "extraction"), "activities.jsonl"),
        (("evaluate", "naming"), "sections.jsonl.gz"),
        (("tune", "lora", "--model", "served", "--out", "tuned"), "sections.jsonl.gz"),
    ],
)
def test_without_its_data_a_command_says_in_a_line_what_it_wants(
    path: tuple[str, ...], file: str, tmp_path: Path
) -> None:
    for given in ((), ("--data", str(tmp_path / "gone"))):
        result = run(*path, *given)
        assert result.exit_code == 2
        assert "--data" in result.stderr
        assert file in result.stderr
        assert result.stderr.count("\n") == 1


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

    result = CliRunner().invoke(One("journeys", package="", summaries={}), ["any"])
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
    readme = Path(__file__).parents[2] / "streams" / "README.md"
    assert table() in readme.read_text(encoding="utf-8")


def test_an_interrupt_that_is_swallowed_ends_the_command_all_the_same() -> None:
    code = """
import click, sys, threading, time, types
from streams.cli import commands

@click.command()
def command():
    with threading._active_limbo_lock:  # as in the middle of starting a thread
        print("begun", flush=True)
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:  # as in a callback, where Python ignores what is raised
                pass

sys.modules["stubborn.go"] = types.SimpleNamespace(command=command)
commands.GRACE_SECONDS = 0.1
commands.Commands(package="stubborn", summaries={"go": ""}).main(["go"])
"""
    process = start([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130

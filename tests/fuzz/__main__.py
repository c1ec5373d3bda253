"""`python -m tests.fuzz [TARGET …] --seconds N`: each target in a process of its own."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click

FINDINGS: Final = Path("fuzz-findings")
COMPILED: Final = [f"models.engine.{name}" for name in ("kernel", "grid", "arithmetic")]  # numba
HANGS_SECONDS: Final = 20  # one input; it takes microseconds


@click.command()
@click.argument("targets", nargs=-1)
@click.option("--seconds", default=60, show_default=True, help="for each target")
@click.option("--here", is_flag=True, hidden=True)
def main(targets: tuple[str, ...], seconds: int, here: bool) -> None:
    """Fuzz TARGETS, or all; the exit code says how many were broken."""
    if here:
        fuzz(targets[0], seconds)
        return
    from tests.fuzz.targets import TARGETS

    broken = []
    for name in targets or tuple(TARGETS):
        if name not in TARGETS:
            raise click.UsageError(f"there is no target {name}: {', '.join(TARGETS)}")
        command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds), "--here"]
        if subprocess.run(command).returncode:
            broken.append(name)
    click.echo(f"broken: {', '.join(broken)}" if broken else "nothing was found")
    sys.exit(len(broken))


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which that ends."""
    import atheris

    with atheris.instrument_imports(include=["models", "streams"], exclude=COMPILED):
        from tests.fuzz import targets

    targets.warm(name)
    FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(targets.seeds(name)):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup(
            [
                "fuzz",
                corpus,
                f"-max_total_time={seconds}",
                f"-timeout={HANGS_SECONDS}",
                f"-artifact_prefix={FINDINGS}/{name}-",
                "-rss_limit_mb=4096",
                "-print_final_stats=1",
            ],
            targets.TARGETS[name],
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()

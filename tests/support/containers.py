"""`docker/` as it is written, and a command run as its container would run it: no engine is needed.

What an engine does for a container, bubblewrap does here: another user with no home, everything
read-only but the volume and /tmp, no variable but the image's and the service's.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
DOCKER: Final = ROOT / "docker"
USER: Final = 10001
VOLUME: Final = "/var/lib/journeys"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's, in order: keyword and the rest of the line, continued lines joined."""
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    found = [line.partition(" ") for line in text.splitlines() if line]
    return [(keyword, rest.strip()) for keyword, _, rest in found]


def image_environment() -> dict[str, str]:
    """The variables of the image that runs."""
    parts = shlex.split([rest for keyword, rest in instructions() if keyword == "ENV"][-1])
    return dict(part.split("=", 1) for part in parts)


def compose(name: str = "compose.yaml") -> dict[str, Any]:
    """A compose file's services, by name."""
    read: dict[str, Any] = yaml.safe_load((DOCKER / name).read_text())["services"]
    return read


def manifests() -> Iterator[dict[str, Any]]:
    """All objects in `kubernetes/`."""
    for path in sorted((DOCKER / "kubernetes").glob("*.yaml")):
        yield from yaml.safe_load_all(path.read_text())


def contained(volume: Path, command: Sequence[str], **environment: str) -> list[str]:
    """The command line that runs a command of ours as its container would.

    Args:
        volume: A folder that the container may write.
        command: What `journeys` gets, or an absolute path and its arguments.
        environment: Variables of the service, beside the image's.
    """
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap (on Debian: apt-get install bubblewrap)")
    as_user: list[str] = []
    if os.geteuid() == 0:
        os.chown(volume, USER, USER)
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    # What runs may lie under a home, which is hidden like any other.
    seen = sorted({os.path.realpath(path) for path in (ROOT, sys.prefix, sys.base_prefix)})
    folders = [one for path in seen for one in reversed(Path(path).parents)]
    hidden = {"/root", "/home", "/var/lib"} | {
        str(one) for one in folders if not one.stat().st_mode & 0o001
    }
    variables = {
        **image_environment(),
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(ROOT),
        **environment,
    }
    journeys = [sys.executable, "-P", "-m", "streams.cli"]
    return [
        # In a process namespace all end with the first: a change of user undoes die-with-parent.
        *(
            "bwrap",
            "--unshare-pid",
            "--die-with-parent",
            "--ro-bind",
            "/",
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
        ),
        *(part for path in sorted(hidden) for part in ("--tmpfs", path)),
        *("--perms", "1777", "--tmpfs", "/tmp"),
        *(part for path in folders for part in ("--perms", "0755", "--dir", str(path))),
        *(part for path in seen for part in ("--ro-bind", path, path)),
        *("--bind", str(volume), VOLUME, "--chdir", VOLUME, "--clearenv"),
        *(part for name, value in variables.items() for part in ("--setenv", name, value)),
        *as_user,
        *(command if command[0].startswith("/") else [*journeys, *command]),
    ]


def settings_of(service: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a compose service that have a value, ours alone, as its shell's unset."""
    return {
        name: str(value)
        for name, value in service.get("environment", {}).items()
        if name.startswith("JOURNEYS_") and value is not None
    }

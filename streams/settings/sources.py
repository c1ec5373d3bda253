"""Where settings come from beside flags: variables, files of secrets, Kafka's own file."""

import os
import typing
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from models.errors import SettingsError
from streams.settings import client_properties

PREFIX: Final = "JOURNEYS_"
_TESTS: Final = f"{PREFIX}TEST_"  # variables of the test suite


def is_secret(field: FieldInfo) -> bool:
    """True for a setting whose value must not be shown."""
    return SecretStr in (field.annotation, *typing.get_args(field.annotation))


class _Source(PydanticBaseSettingsSource):
    """A source that gives all it has at once."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Pydantic's hook for sources that are asked field by field: not this one."""
        raise NotImplementedError


class SecretFiles(_Source):
    """Secrets from the files that `JOURNEYS_…_FILE` name."""

    def __call__(self) -> dict[str, Any]:
        """Pydantic's hook: the secrets."""
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            variable = f"{PREFIX}{name.upper()}_FILE"
            if not is_secret(field) or not (path := os.environ.get(variable)):
                continue
            if name in self.current_state:
                raise SettingsError(f"{variable}: {PREFIX}{name.upper()} is given, too: which one?")
            try:
                found[name] = Path(path).read_text(encoding="utf-8").removesuffix("\n")
            except OSError as error:
                raise SettingsError(f"{variable}: {path}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise SettingsError(f"{variable}: {path} is no text") from None
            found[name] = found[name].removesuffix("\r")
        return found


class ClientProperties(_Source):
    """What Kafka's client properties file says."""

    def __call__(self) -> dict[str, Any]:
        """Pydantic's hook: the settings that stand in the file."""
        path = self.current_state.get("client_properties")
        return client_properties.load(Path(path)) if path else {}


def check_names(settings: type[BaseSettings]) -> None:
    """Refuse variables that are no settings: what they were to say would be lost in silence."""
    known = {PREFIX + name.upper() for name in settings.model_fields}
    known |= {
        f"{PREFIX}{name.upper()}_FILE"
        for name, field in settings.model_fields.items()
        if is_secret(field)
    }
    given = [name for name in os.environ if name.upper().startswith(PREFIX)]
    if wrong := [name for name in given if name.upper() not in known and _TESTS not in name]:
        lines = []
        for name in sorted(wrong):
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            lines.append(f"{name} is no setting; the nearest one is {near[0]}")
        raise SettingsError("; ".join(lines))

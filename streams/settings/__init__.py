"""Every setting, resolved once: flags over environment (`JOURNEYS_…`) over defaults.

A secret may stand in a file that its variable with `_FILE` behind it names; what a client
properties file says holds where nothing else does.

`journeys settings` prints this list as the table that stands in streams/README.md.
"""

from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from models.errors import SettingsError
from streams.settings.engine import EngineSettings, StateSettings
from streams.settings.input import InputSettings
from streams.settings.kafka import KafkaSettings, RegistrySettings, SecuritySettings
from streams.settings.services import NamingSettings, WatchingSettings
from streams.settings.sources import PREFIX, ClientProperties, SecretFiles, check_names
from streams.settings.webhook import WebhookSettings


# Pydantic takes the fields of the last base first: the table of settings begins with Kafka.
class Settings(
    WatchingSettings,
    WebhookSettings,
    NamingSettings,
    EngineSettings,
    StateSettings,
    InputSettings,
    RegistrySettings,
    SecuritySettings,
    KafkaSettings,
    BaseSettings,
):
    """The settings of every command; frozen, secrets hidden in its repr."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", allow_inf_nan=False
    )

    @classmethod
    def load(cls, **flags: Any) -> Self:
        """Resolve the settings; flags that are None count as not given.

        Raises:
            SettingsError: One line that names each wrong setting and what is wrong with it.
        """
        check_names(cls)
        try:
            return cls(**{name: value for name, value in flags.items() if value is not None})
        except ValidationError as error:
            lines = (
                f"{PREFIX}{'_'.join(map(str, e['loc'])).upper() or 'SETTINGS'}: "
                f"{e['msg'].removeprefix('Value error, ')}"
                for e in error.errors()
            )
            raise SettingsError("; ".join(lines)) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Pydantic's hook: where values come from, the strongest first."""
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls),
            ClientProperties(settings_cls),
        )

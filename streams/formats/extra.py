"""The libraries of the extra `registry`: needed by those who have a schema registry, and only then.

They are imported where they are first used, by `needed`, so that a plain install does without.
"""

import importlib
import warnings
from types import ModuleType

from models.errors import SettingsError


def needed(module: str) -> ModuleType:
    """Import a module of the extra.

    Raises:
        SettingsError: It is not installed.
    """
    try:
        # One of Confluent's own dependencies warns of another's age on every import; it lifts the
        # filters of whoever imports it, so it goes first.
        if module.startswith("confluent_kafka."):
            importlib.import_module("authlib.deprecate")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(
            f"a schema registry needs the extra `registry` ({error.name} is missing): "
            "pip install 'interest-journeys[registry]'"
        ) from None

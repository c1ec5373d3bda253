"""Whether an extra of this package is installed."""

from importlib.util import find_spec

from models.errors import JourneysError


def need_extra(extra: str, *modules: str) -> None:
    """Find out whether what a command imports later is installed.

    Args:
        extra: The extra of this package that installs it.
        modules: What is imported.

    Raises:
        JourneysError: Something of it is not.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise JourneysError(
            f"{', '.join(missing)} not installed: this needs the extra `{extra}` "
            f"(pip install 'interest-journeys[{extra}]')"
        )

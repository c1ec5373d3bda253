"""The address that a service answers at."""

import socket

from models.errors import SettingsError


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        SettingsError: The port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(f"JOURNEYS_WEB_PORT: {host}:{port}: {error.strerror}") from None

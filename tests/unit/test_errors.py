"""The tree of errors: all of ours stand in it, and say whether to try again."""

import pytest

from models import errors
from models.errors import BrokerError, JourneysError, may_pass


def classes(base: type[JourneysError]) -> list[type[JourneysError]]:
    return [base, *(found for child in base.__subclasses__() for found in classes(child))]


@pytest.mark.parametrize("error", classes(JourneysError))
def test_every_error_stands_in_the_tree(error: type[JourneysError]) -> None:
    if error.__module__.startswith(("models", "streams")):
        assert error.__module__ == errors.__name__
        assert f" {error.__name__} " in (errors.__doc__ or "") or error is JourneysError


def test_only_what_says_so_passes() -> None:
    assert not may_pass(JourneysError("one line"))
    assert may_pass(BrokerError("no broker"))

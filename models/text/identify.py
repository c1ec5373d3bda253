"""Whether a text is in another language than some, by py3langid."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from models.text.languages import LANGUAGES

# Beside those of which function words are known, these are told from the languages asked for. More
# and smaller ones would claim more names and slang of English than texts of their own.
_OTHERS: Final = (
    *("af", "az", "be", "bs", "cy", "eu", "ga", "gd", "kk", "ky", "mk", "mn", "sq", "sr"),
    *("tg", "tk", "tt", "ug", "uz"),
)


def foreign_by(text: str, languages: frozenset[str]) -> float:
    """Nats by which a text is likelier in another language than in one of these.

    Args:
        text: A title, or several as one.
        languages: Their codes, with or without script and country.

    Returns:
        0 where one of them is the likeliest, or where nothing can be told of them.
    """
    identifier, own = _identifier(languages)
    if identifier is None:
        return 0.0
    scores = identifier.rank(text)  # the likeliest first
    return float(scores[0][1] - next(score for language, score in scores if language in own))


@cache
def _identifier(languages: frozenset[str]) -> tuple[LanguageIdentifier | None, frozenset[str]]:
    """Tells these languages from others, and its codes of these.

    None where it knows none of them, or no others.
    """
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    known = frozenset(identifier.labels)
    wanted = _codes(languages)
    own, others = wanted & known, known.intersection(LANGUAGES + _OTHERS) - wanted
    if not own or not others:
        return None, own
    identifier.set_languages(own | others)
    return identifier, own


def _codes(languages: Iterable[str]) -> frozenset[str]:
    """Languages' codes as py3langid has them: without script and country."""
    codes = {code.replace("_", "-").split("-")[0].lower() for code in languages}
    return frozenset("no" if code == "nb" else code for code in codes)

"""A person's interests as a text of bounded length, for the prompt of an assistant."""

from collections.abc import Sequence
from typing import Final

from models.printable import printable
from streams.query.answers import ShownJourney

TOKENS: Final = 700
_EXAMPLES: Final = 3  # titles that tell what a name is about
_TITLE: Final = 80  # characters of one


def context(user_id: str, journeys: Sequence[ShownJourney], tokens: int = TOKENS) -> str:
    """The interests of a user, the strongest first, as many as there is room for.

    Args:
        user_id: Whose.
        journeys: As `questions.journeys` gives them; those that are over are left out.
        tokens: At most so many, by whatever tokenizer: counted on the safe side.

    Returns:
        Markdown: a line for each journey.
    """
    lasting = [one for one in journeys if one.stage in ("active", "dormant")]
    text = f"Lasting interests of {_line(user_id)}, the strongest first:"
    for place, one in enumerate(lasting):
        left = len(lasting) - place
        line = f"\n- {_described(one)}"
        rest = f"\n({left} more)"
        if counted(text + line + (rest if left > 1 else "")) > tokens:
            return text + rest
        text += line
    return text if lasting else f"No lasting interests of {_line(user_id)} are known."


def counted(text: str) -> int:
    """Tokens that a text takes at most, or nearly so, by the tokenizers of today's models.

    Words of ASCII are a token for three characters or fewer; of other scripts, one a character.
    """
    plain = sum(char.isascii() for char in text)
    return (plain + 2) // 3 + len(text) - plain


def _described(one: ShownJourney) -> str:
    titles = "; ".join(_line(item.title)[:_TITLE] for item in one.items[:_EXAMPLES])
    return (
        f"{_line(one.name)} ({one.stage}, since {one.started_at:%Y-%m}, last "
        f"{one.last_active_at:%Y-%m-%d}, {one.activities} activities, "
        f"{one.confidence:.0%} sure). E.g. {titles}"
    )


def _line(text: str) -> str:
    """Without what could begin a line of its own: titles are written by strangers."""
    return " ".join(printable(text).split())

"""Text that strangers wrote, made fit for a terminal or a line of a prompt."""


def printable(text: str) -> str:
    """Without control characters, line breaks included: a blank for each."""
    return "".join(char if char.isprintable() else " " for char in text)

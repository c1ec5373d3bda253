"""Files whose disk has lost some of what it held."""

from pathlib import Path


def flip(file: Path, share: float, count: int = 64) -> None:
    """Flip some bytes of a file, from a share of it on."""
    data = bytearray(file.read_bytes())
    place = int(len(data) * share)
    data[place : place + count] = bytes(byte ^ 0xFF for byte in data[place : place + count])
    file.write_bytes(data)


def largest(folder: Path, pattern: str) -> Path:
    """The largest file of a pattern."""
    return max(folder.glob(pattern), key=lambda file: file.stat().st_size)

"""A worker's memory over time: whether it stays flat."""

import os
import time
from pathlib import Path
from statistics import median
from typing import Any, Final

PAGE: Final = os.sysconf("SC_PAGE_SIZE")
WARM_UP_SHARE: Final = 0.3  # of the time: caches fill, users come
FLAT: Final = 0.05


class Memory:
    """Samples of one process.

    Args:
        pid: Whose; it may end meanwhile.
    """

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        self._samples: list[tuple[float, int]] = []

    def sample(self) -> None:
        """Take one."""
        if self._statm.exists():
            resident = int(self._statm.read_text().split()[1]) * PAGE
            self._samples.append((time.monotonic(), resident))

    def summary(self) -> dict[str, Any]:
        """How much it grew after its warm-up: medians of the first and the last tenth of it."""
        warm = self._samples[int(len(self._samples) * WARM_UP_SHARE) :]
        if len(warm) < 2:
            return {"samples": len(self._samples)}
        some = max(1, len(warm) // 10)
        first = median(size for _, size in warm[:some])
        last = median(size for _, size in warm[-some:])
        growth = last / first - 1
        return {
            "samples": len(self._samples),
            "seconds": round(warm[-1][0] - warm[0][0], 1),
            "first_mb": round(first / 1e6, 1),
            "last_mb": round(last / 1e6, 1),
            "most_mb": round(max(size for _, size in self._samples) / 1e6, 1),
            "growth": round(growth, 4),
            "flat": growth <= FLAT,
        }

"""Which users wait for event time to pass, without a look at those who do not."""

import heapq


class DueUsers:
    """Users by the watermark (epoch ms) from which time alone changes them.

    Some are held back until nothing has arrived of them for a while.

    Args:
        due: Each user's watermark, by user id; the object keeps it.
    """

    def __init__(self, due: dict[str, int] | None = None) -> None:
        self._due = due or {}
        self._queue = [(due, user_id) for user_id, due in self._due.items()]
        heapq.heapify(self._queue)  # entries that `_due` denies are void
        self._held: dict[str, tuple[int, int]] = {}
        self._holding: list[tuple[int, str]] = []  # the same

    def set(self, user_id: str, due: int | None, held: int | None = None) -> None:
        """Have a user wait for another watermark.

        Args:
            user_id: Who.
            due: The watermark; None: for none.
            held: Not before what arrives has come to this time (record time, epoch ms).
        """
        if held is not None and due is not None:
            self._due.pop(user_id, None)
            if self._held.get(user_id) != (held, due):
                self._held[user_id] = held, due
                heapq.heappush(self._holding, (held, user_id))
            return
        self._held.pop(user_id, None)
        if due is None:
            self._due.pop(user_id, None)
        elif self._due.get(user_id) != due:
            self._due[user_id] = due
            heapq.heappush(self._queue, (due, user_id))

    def at(self, watermark: int, arrival: int, limit: int | None = None) -> list[str]:
        """Up to `limit` users whose time has come, the longest due first.

        They are due again at the next call unless they were set in between.

        Args:
            watermark: How far event time has come, epoch ms.
            arrival: How far what arrives has, record time, epoch ms.
            limit: So many at most.
        """
        self._release(arrival)
        due_users: dict[str, int] = {}
        queue = self._queue
        while queue and queue[0][0] <= watermark and len(due_users) != limit:
            due, user_id = heapq.heappop(queue)
            if self._due.get(user_id) == due:
                due_users[user_id] = due
        for user_id, due in due_users.items():
            heapq.heappush(queue, (due, user_id))
        return list(due_users)

    def _release(self, arrival: int) -> None:
        while self._holding and self._holding[0][0] <= arrival:
            held, user_id = heapq.heappop(self._holding)
            until, due = self._held.get(user_id, (None, 0))
            if until == held:
                self.set(user_id, due)

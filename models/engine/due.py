"""Which users wait for event time to pass, without a look at those who do not."""

import heapq


class DueUsers:
    """Users by the watermark (epoch ms) from which time alone changes them.

    Args:
        due: Each user's watermark, by user id; the object keeps it.
    """

    def __init__(self, due: dict[str, int] | None = None) -> None:
        self._due = due or {}
        self._queue = [(due, user_id) for user_id, due in self._due.items()]
        heapq.heapify(self._queue)  # entries that `_due` denies are void

    def set(self, user_id: str, due: int | None) -> None:
        """Have a user wait for another watermark; None: for none."""
        if due is None:
            self._due.pop(user_id, None)
        elif self._due.get(user_id) != due:
            self._due[user_id] = due
            heapq.heappush(self._queue, (due, user_id))

    def at(self, watermark: int, limit: int | None = None) -> list[str]:
        """Up to `limit` users whose time has come, the longest due first.

        They are due again at the next call unless they were set in between.
        """
        due_users: dict[str, int] = {}
        queue = self._queue
        while queue and queue[0][0] <= watermark and len(due_users) != limit:
            due, user_id = heapq.heappop(queue)
            if self._due.get(user_id) == due:
                due_users[user_id] = due
        for user_id, due in due_users.items():
            heapq.heappush(queue, (due, user_id))
        return list(due_users)

"""`journeys` on a broker that is slow to make the changelog: others know it seconds later."""

import asyncio
from typing import Any

from faust.transport.drivers.aiokafka import Transport

from streams.cli import main

SECONDS = 4.0  # the group is joined by then

if __name__ == "__main__":
    create = Transport._really_create_topic
    later: set[asyncio.Future[None]] = set()

    async def slowly(*arguments: Any, **options: Any) -> None:
        await asyncio.sleep(SECONDS)
        await create(*arguments, **options)

    async def begin(
        self: Any, owner: Any, client: Any, topic: str, *arguments: Any, **options: Any
    ) -> None:
        if not topic.endswith("changelog"):
            await create(self, owner, client, topic, *arguments, **options)
            return
        later.add(asyncio.ensure_future(slowly(self, owner, client, topic, *arguments, **options)))

    Transport._really_create_topic = begin  # type: ignore[method-assign]
    main()

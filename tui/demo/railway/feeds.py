"""Log subscriptions: a replay first, then what comes, as ready-made JSON.

They bypass the GraphQL executor: resolving each field of each line would cost more than a core at 20,000 lines a
second. A frame holds all lines of a tick, since Railway's type is a list.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from json.encoder import encode_basestring_ascii as quote
from typing import Generic, TypeVar

from tui.demo.faults import STREAM_FAULTS
from tui.demo.railway.errors import Refusal
from tui.demo.world import World

T = TypeVar("T")


@dataclass(slots=True)
class Feed(Generic[T]):
    """What one subscription streams. `read(after, until)` gives the new entries; `over(at)` says that none
    come after `at`.

    `ready` raises Refusal while the log cannot be had: the subscriber is told so, and the stream is over.
    `ends_socket`: the server then closes the whole socket, as it does when a build has ended.
    """

    world: World
    ready: Callable[[], None]
    replay: Callable[[], list[T]]
    read: Callable[[int, int], list[T]]
    over: Callable[[int], bool]
    render: Callable[[T], str]
    key: str
    ends_socket: bool = False
    sent: int = 0
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def batches(self) -> AsyncIterator[list[T]]:
        """New entries as they come; none, now and then, while a fault may be due. Raises Refusal."""
        world = self.world
        forget = world.on_wake(self._woken.set)
        try:
            self.ready()
            cursor = world.now - 1
            if first := self.replay():
                yield first
            while not self.over(cursor):
                await self._woken.wait()
                self._woken.clear()
                after, cursor = cursor, world.now - 1
                batch = self.read(after, cursor)
                if batch or world.faults.armed(STREAM_FAULTS):
                    yield batch
        finally:
            forget()

    def frame(self, operation_id: str, batch: list[T]) -> str:
        """The `next` message with these entries."""
        self.sent += len(batch)
        render = self.render
        rows = ",".join([render(entry) for entry in batch])
        return f'{{"id":{quote(operation_id)},"type":"next","payload":{{"data":{{{quote(self.key)}:[{rows}]}}}}}}'

    def __aiter__(self) -> Feed[T]:
        return self

    async def __anext__(self) -> object:
        raise Refusal("a log stream is read in batches")

    async def aclose(self) -> None:
        """Nothing is held open between batches."""

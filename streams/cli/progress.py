"""Progress bars, only where somebody sees them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


def bars(console: Console | None = None, *, shown: bool = True) -> Progress:
    """Bars that go when the block ends; a task without a total only shows that it lives.

    Args:
        console: Where lines are printed meanwhile, above the bars; else they are on stderr. There
            are none where it is no terminal.
        shown: Whether they are wanted at all.
    """
    console = console or Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not (shown and console.is_terminal),
    )


@contextmanager
def bar(progress: Progress, what: str, total: int) -> Iterator[Callable[[int], None]]:
    """One bar among others, gone when the block ends; gives what to call with how much is done."""
    task = progress.add_task(what, total=total)
    yield lambda done: progress.advance(task, done)
    progress.remove_task(task)


@contextmanager
def reading(file: BufferedReader, what: str, *, shown: bool = True) -> Iterator[Callable[[], None]]:
    """A bar over the bytes of a file; gives what to call after some were read."""
    path = Path(file.name)
    total = path.stat().st_size if path.is_file() else None
    with bars(shown=shown) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.update(task, completed=file.tell()) if total else None

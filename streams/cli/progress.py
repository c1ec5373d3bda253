"""Progress bars, only where somebody sees them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from streams.files.inputs import InputFile


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
def reading(
    names: Sequence[str], what: str, *, shown: bool = True
) -> Iterator[Callable[[InputFile], None]]:
    """A bar over the bytes of files; gives what to call after some of a file were read."""
    paths = [Path(name) for name in names]
    sizes = {
        name: path.stat().st_size for name, path in zip(names, paths, strict=True) if path.is_file()
    }
    total = sum(sizes.values()) if len(sizes) == len(set(names)) else None
    before: dict[str, int] = {}
    with bars(shown=shown) as progress:
        task = progress.add_task(what, total=total)

        def advance(file: InputFile) -> None:
            before[file.name] = file.read()
            if total:
                progress.update(task, completed=sum(before.values()))

        yield advance

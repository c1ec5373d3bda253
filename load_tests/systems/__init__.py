"""The systems under test; each runs in a process of its own: `python -m load_tests.systems JOB`.

A name is that of a module here, or one at another commit: `worker@39970f9` (`baseline.py`).
"""

# In the order of the report. `nothing` stands behind the worker: it writes as much as that did.
NAMES = {
    "stock": "stock Faust agent that does nothing",
    "quix": "same engine in Quix Streams, state and changelog on",
    "engine": "engine alone, no broker, one process",
    "worker": "our worker, state on the changelog, acknowledged",
    "nothing": "our worker around an engine that does nothing",
}


def module_of(system: str) -> str:
    """The module that runs it."""
    return system.partition("@")[0]


def title_of(system: str) -> str:
    """What it is, one line."""
    module, _, commit = system.partition("@")
    return f"{NAMES[module]}, at {commit}" if commit else NAMES[module]

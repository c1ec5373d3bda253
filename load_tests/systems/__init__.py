"""The systems under test; each runs in a process of its own: `python -m load_tests.systems JOB`."""

# In the order of the report; the first three are what the worker is compared with.
NAMES = {
    "stock": "stock Faust agent that does nothing",
    "quix": "same engine in Quix Streams, state and changelog on",
    "engine": "engine alone, no broker, one process",
    "worker": "our worker, state on the changelog, acknowledged",
}

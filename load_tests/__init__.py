"""Load tests: how fast the worker is beside what it could have been built with.

`load_tests/README.md` says what each measures and how to run it.
"""

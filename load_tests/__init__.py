"""Load tests: how fast the worker is beside what it could have been built with.

`python -m load_tests.run`: four systems on one broker and one log.
`python -m load_tests.engine`: the engine alone; clusters a user, state, number of users.
"""

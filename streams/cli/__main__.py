"""`python -m streams.cli`: the `journeys` command, for child processes of this very Python."""

from streams.cli import main

main()

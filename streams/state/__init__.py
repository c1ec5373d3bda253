"""The state of users: by partition in memory, in a local store, and on the changelog, the truth."""

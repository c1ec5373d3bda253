"""Coverage-guided fuzzing of what strangers write and disks break: `python -m tests.fuzz`."""

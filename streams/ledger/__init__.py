"""The ledger: what a log must bring, and the proof that it came, all of it, and nothing else."""

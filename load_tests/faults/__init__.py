"""Faults on a seeded schedule against workers under load, and the ledger at the end."""

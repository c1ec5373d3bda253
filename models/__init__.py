"""What the stages use: records, the encoder, the pure core, naming, evaluation.

Nothing here knows of Kafka, Faust or a clock (DESIGN.md, section 7). Read `journeys.py` first.
"""

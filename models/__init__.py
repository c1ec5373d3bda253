"""What the services decide with: no Kafka, no Faust, no clock.

Begin with `engine/engine.py`, the pure core: a user's state and an input give the new state and the
changes. What goes in comes from `decoding` (bytes to records) and `encoders` (titles to vectors).

records     what is on the wire: activities, changes, journeys, requests, names
decoding    how it is read, and what of it cannot be used
errors      all errors in one tree: the class says what the caller does next
vectors     what arrays of numbers are called
engine/     clusters, journeys, and what becomes of them
encoders/   titles to unit vectors
text/       terms, keyword names, stems
naming/     a name for a journey, from a language model
datasets/   people and titles whose interests are known
evaluation/ how well journeys are found and named
"""

"""How well journeys are found (`extraction/`) and named (`naming/`), each an experiment of its own.

Needs the extra `evaluate` (scikit-learn, scipy, matplotlib, sacrebleu).
"""

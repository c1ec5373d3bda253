"""Tuning the model that names: titles → name, learned from groups that people have named.

pairs        questions with a name that the guard lets pass
batches      pairs as tokens, the same ones at the same step of every run
base         the model that is tuned, with what is trained of it (PEFT)
training     the steps, with checkpoints: an interrupted run goes on where it was
artefact     what is left: an adapter for vLLM, or a soft prompt for the namer

Needs the extra `tune` (torch, transformers, peft).
"""

"""The stages in the order of the data's path: read, embed, assign, publish; and name, apart.

Each does one thing to a batch; what travels between them is in `batch`.
"""

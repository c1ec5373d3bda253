"""Titles to unit vectors.

encoder      a sentence-transformers ONNX folder in use
onnx_folder  its files, opened or fetched
cache        the vectors of items, bounded
default/     the encoder that ships with the package; training/ made it
"""

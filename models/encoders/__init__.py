"""Titles to unit vectors.

encoder        a sentence-transformers ONNX folder in use
config         how it is to be used, as the folder says
reading        which texts it can read; what stands for the vector of one that it cannot
onnx_folder    its files, opened or fetched
cache          the vectors of items, bounded
best/, fast/   the encoders that ship with the package; training/ made them
multilingual/  one that an extra brings: its map, its scale, and what makes a folder of it
tuning/        `journeys tune encoder`: a map and a scale for an encoder, fitted to titles
"""

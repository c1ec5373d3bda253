"""Makes the encoders that ship; needs data and packages that no service loads.

tune_best       makes `best`: begin here; needs torch
best_texts      what it learns from
small_sources   the models that it is made of and imitates
distil, bert    how it learns
tune_fast       makes `fast`: begin here; needs torch
static_texts    what it learns from
static_sources  the vectors that it starts from and imitates
static_onnx     the result as an ONNX folder
general_texts   texts of no topic, for both
"""

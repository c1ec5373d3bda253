"""Makes the encoders that ship; needs data and packages that no service loads.

tune_best       makes `best`: begin here
bge_source      the model that it is made of
tune_fast       makes `fast`: begin here; needs torch
static_texts    what it learns from
static_sources  the vectors that it starts from and imitates
static_onnx     the result as an ONNX folder
"""

"""Makes the default encoder; needs torch and data, and no service loads it.

tune_default    begin here: reads, trains, writes
static_texts    what it learns from
static_sources  the vectors that it starts from and imitates
static_onnx     the result as an ONNX folder
"""

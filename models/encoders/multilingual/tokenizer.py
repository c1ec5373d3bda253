"""A SentencePiece unigram model as a tokenizer of `tokenizers`, which does the same in Rust."""

from typing import Final

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from models.encoders.multilingual.source import Pieces

UNKNOWN, FIRST, LAST = 0, 1, 2  # ids
_SPACE: Final = "▁"


def tokenizer(pieces: Pieces) -> Tokenizer:
    """The tokenizer of pieces; a text's ids have the marks of its beginning and end around them."""
    made = Tokenizer(models.Unigram(pieces.scored, unk_id=UNKNOWN, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(pieces.table),
            normalizers.Strip(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(_SPACE, prepend_scheme="always")
    begin, end = pieces.scored[FIRST][0], pieces.scored[LAST][0]
    made.post_processor = processors.TemplateProcessing(
        f"{begin} $A {end}", special_tokens=[(begin, FIRST), (end, LAST)]
    )
    return made

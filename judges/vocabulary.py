"""What the tokens of a vocabulary stand for as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def spellings(tokenizer: Any, word: str) -> list[int]:
    """Ids of all tokens that say `word`, whatever their case and the blanks around them."""
    return [i for i, text in decoded(tokenizer) if text.strip().casefold() == word.casefold()]


def text_pieces(tokenizer: Any) -> dict[str, int]:
    """Distinct printable texts of single tokens, in vocabulary order, with their ids.

    Special tokens and broken bytes are left out.
    """
    special = {*tokenizer.all_special_ids, *(i for i, t in tokenizer.added_tokens_decoder.items() if t.special)}
    pieces: dict[str, int] = {}
    for i, text in decoded(tokenizer):
        if i not in special and text.strip() and "\ufffd" not in text and all(c.isprintable() for c in text):
            pieces.setdefault(text, i)
    return pieces


def special_texts(tokenizer: Any) -> list[str]:
    """The texts that a tokenizer turns into special tokens, with or without a role (`<repo_name>` has none)."""
    added = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    return list(dict.fromkeys([*tokenizer.all_special_tokens, *added]))


def decoded(tokenizer: Any) -> Sequence[tuple[int, str]]:
    """Every token's id and text. SentencePiece's `▁` is lost when a token is decoded alone; the blank is put back."""
    size = len(tokenizer)
    texts = tokenizer.batch_decode([[i] for i in range(size)], clean_up_tokenization_spaces=False)
    tokens = tokenizer.convert_ids_to_tokens(list(range(size)))
    return [
        (i, f" {text}" if token and token.startswith("▁") and not text.startswith(" ") else text)
        for i, (text, token) in enumerate(zip(texts, tokens, strict=True))
    ]

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tokenizer of the embedded models from text of the pretraining stream.

    dump_pretraining_text | python tools/make_tokenizer.py python/xfer/models/tokenizer.json

Needs the `tokenizers` package. The same text gives the same file, byte for byte.

Byte-level BPE in which digits, punctuation and single capitals stay alone and the words of the
stream are one token each. The words are whole entries of the vocabulary (`ignore_merges`, as in
Llama 3's tokenizer), so that none of the 512 entries is spent on pieces of words.
"""

import collections
import json
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ["<|end|>", "<|pad|>"]
VOCABULARY_SIZE = 512
# A word with the space before it; a capital with the small letters after it; the mark of a final
# answer with the space before it (so that the first token of an answer tells whether it has
# steps); one digit; any other single character.
PATTERN = r" ?[a-z]+|[A-Z][a-z]*| ?#|[0-9]|[^A-Za-z0-9]"
RARE = 5


def byte_alphabet():
    """The 256 characters that stand for bytes, in the order of the bytes they stand for."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    return [chr(byte) if byte in visible else chr(256 + hidden.index(byte)) for byte in range(256)]


def splitter():
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def count_pieces(lines):
    """How often each piece of more than one byte occurs in the documents."""
    split = splitter()
    counts = collections.Counter()
    for line in lines:
        document = json.loads(line)
        for text in (document["prompt"], " " + document["answer"]):
            counts.update(piece for piece, _ in split.pre_tokenize_str(text) if len(piece) > 1)
    return counts


def build(counts):
    words = sorted((p for p, n in counts.items() if n >= RARE), key=lambda p: (-counts[p], p))
    room = VOCABULARY_SIZE - len(SPECIAL) - 256
    if len(words) > room:
        print(f"{len(words)} words, room for {room}: the rarest are left out", file=sys.stderr)
    # In alphabetical order: ids do not move when frequencies do.
    entries = SPECIAL + byte_alphabet() + sorted(words[:room])
    vocabulary = {entry: i for i, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], ignore_merges=True))
    tokenizer.pre_tokenizer = splitter()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return tokenizer


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: dump_pretraining_text | make_tokenizer.py OUT.json")
    lines = sys.stdin.read().split("\n")
    tokenizer = build(count_pieces(line for line in lines if line))
    tokenizer.save(sys.argv[1], pretty=True)
    print(f"{tokenizer.get_vocab_size()} entries", file=sys.stderr)


if __name__ == "__main__":
    main()

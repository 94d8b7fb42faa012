# SPDX-License-Identifier: Apache-2.0
"""Writes unicode_ranges.inc: the character classes that pre-tokenizer patterns ask about.

The classes come from the regular-expression engine inside the `tokenizers` package, so that text
is split by the same edition of Unicode on every machine, whatever the system's libraries know.
Run with a current `tokenizers` installed:  python make_unicode_ranges.py > unicode_ranges.inc
"""

import tokenizers
from tokenizers import Regex, pre_tokenizers

LETTER, NUMBER, SPACE, WORD = 1, 2, 4, 8
PATTERNS = {
    LETTER: r"\p{L}+",
    NUMBER: r"\p{N}+",
    SPACE: r"\s+",
    WORD: r"[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+",
}

everything = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)
classes = [0] * 0x110000
for bit, pattern in PATTERNS.items():
    keep = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    for piece, _ in keep.pre_tokenize_str(everything):
        for character in piece:
            classes[ord(character)] |= bit

ranges, first = [], 0
for c in range(1, 0x110001):
    if c == 0x110000 or classes[c] != classes[first]:
        if classes[first]:
            ranges.append(f"{{0x{first:X},0x{c - 1:X},{classes[first]}}},")
        first = c

print("// SPDX-License-Identifier: Apache-2.0")
print(
    "// Made by make_unicode_ranges.py with tokenizers "
    f"{tokenizers.__version__}: first, last, classes."
)
line = ""
for entry in ranges:
    if len(line) + len(entry) > 100:
        print(line)
        line = ""
    line += entry
print(line)

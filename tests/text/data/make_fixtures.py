# SPDX-License-Identifier: Apache-2.0
"""Writes the small tokenizer.json files of this folder and cases.json: texts with the ids that the
`tokenizers` package gives them. Run with a current `tokenizers`:  python make_fixtures.py

Each file shows one way in which models spell byte-level BPE. The vocabularies are trained on the
texts below; what matters is that every part of the reader is used.
"""

import json
import pathlib

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

HERE = pathlib.Path(__file__).parent
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")

TEXTS = [
    "",
    " ",
    "a",
    "Tom has 12 apples, buys 345 more. How many apples does Tom have?",
    "  leading and trailing  ",
    "one\ntwo\r\nthree\n\n\nfour \n five\t\tsix\n",
    "def f(x):\n    return x ** 2 + 1  # squared\n\n\tif x != 0:\n\t\tpass",
    "it's, IT'S, they'll, THEY'LL, don't, I'd, we've, you're, I'm, '\u017f",
    "1234567 3.14159 0x1F \u0661\u0662\u0663 \u00bd \u2167 \u00b2",
    "H\u00e9llo w\u00f6rld na\u00efve e\u0301 n\u0303 A\u030a \u212b \ufb01",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! "
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947",
    "\u4e16\u754c\u3001\u3053\u3093\u306b\u3061\u306f\u3002\uc548\ub155 \u1112\u1161\u11ab",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308 "
    "\U0001f1e9\U0001f1ea \U0001f44d\U0001f3fd",
    "nbsp\u00a0here \u3000wide \u2028line \u0085next \u180evowel \u200bzero",
    "a\u0323\u0307 a\u0307\u0323 q\u0307\u0323",
    "!!! ... --- $5 #tag @user a_b-c/d\\e",
    "<|im_start|>user\nhi<|im_end|>\n<|end|><think>no</think>",
    "x <m> y<m>z  <m>\n<m><m>w_<m>_ <m>.",
    "   <lr>   \t<lr>a <lr>",
    "caf\u00e9 cafe\u0301 the <n\u00e9> <ne\u0301> there",
]


def train(pre_tokenizer, normalizer=None, vocab_size=330):
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    return tokenizer


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, "use_regex": False, **options})


def gpt2():
    tokenizer = train(byte_level(use_regex=True))
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


def llama3():
    tokenizer = train(pre_tokenizers.Sequence([split(LLAMA3), byte_level()]))
    document = json.loads(tokenizer.to_str())
    document["model"]["ignore_merges"] = True
    # A token that no merge makes: only ignore_merges finds it.
    document["model"]["vocab"]["\u0120trailing"] = len(document["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(document))
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>"]
    tokenizer.add_special_tokens([*names, "<|eot_id|>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))],
    )
    return tokenizer


def qwen3():
    tokenizer = train(pre_tokenizers.Sequence([split(QWEN2), byte_level()]), normalizers.NFC())
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    plain = [AddedToken(name, normalized=False) for name in ("<think>", "</think>")]
    tokenizer.add_tokens(plain)
    return tokenizer


def digits():
    steps = [pre_tokenizers.Digits(individual_digits=True), byte_level(use_regex=True)]
    tokenizer = train(pre_tokenizers.Sequence(steps))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    return tokenizer


def sentencepiece(normalizer, pre_tokenizer=None, decoder=(), byte_fallback=True):
    """As converted from SentencePiece: characters, U+2581 for the space, bytes to fall back on."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=byte_fallback, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), *decoder]
    tokenizer.decoder = decoders.Sequence(steps)
    trainer = trainers.BpeTrainer(
        vocab_size=620,
        limit_alphabet=100,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS[:10] * 3, trainer)
    document = json.loads(tokenizer.to_str())
    document["added_tokens"] = document["added_tokens"][:3]  # bytes are ordinary tokens
    return Tokenizer.from_str(json.dumps(document))


MARK = normalizers.Replace(" ", "\u2581")


def llama2():
    start = normalizers.Sequence([normalizers.Prepend("\u2581"), MARK])
    return sentencepiece(start, decoder=[decoders.Strip(" ", 1, 0)])


def metaspace():
    step = pre_tokenizers.Metaspace("\u2581", prepend_scheme="first", split=False)
    return sentencepiece(None, step, [decoders.Strip(" ", 1, 0)])


def gemma():
    tokenizer = sentencepiece(MARK, pre_tokenizers.Split(" ", "merged_with_previous"))
    tokenizer.add_tokens([AddedToken("\n\n\n", normalized=False), AddedToken("<m>")])
    return tokenizer


def pattern():
    own = r"\d+|[\u0400-\u04ff]+|\p{Han}|(?<=\w)-(?=\w)| ?[^\s\d]+|\s".replace(r"\w", "[a-z]")
    steps = [split(own), pre_tokenizers.Digits(), byte_level(add_prefix_space=True)]
    tokenizer = train(pre_tokenizers.Sequence(steps))
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


def removed():
    steps = [split(r"\s+", "removed"), split(r"[a-z]+|[^a-z]+", "removed", True), byte_level()]
    tokenizer = train(pre_tokenizers.Sequence(steps))
    tokenizer.add_special_tokens(["<|end|>"])
    return tokenizer


def added():
    tokenizer = train(byte_level(use_regex=True), normalizers.NFC())
    tokenizer.add_special_tokens(["<|end|>", AddedToken("<lr>", lstrip=True, rstrip=True)])
    tokenizer.add_tokens(
        [
            AddedToken("<m>", single_word=True, normalized=False),
            AddedToken("<ne\u0301>", normalized=True),
            AddedToken("the", normalized=True),
            AddedToken("there", normalized=True),
        ]
    )
    return tokenizer


def unknown():
    """A vocabulary that lacks bytes: they become the unknown token, or nothing."""
    tokenizer = train(byte_level(use_regex=True))
    document = json.loads(tokenizer.to_str())
    lost = {chr(c) for c in range(0x100, 0x144)} - {"\u0120", "\u010a"}
    model = document["model"]
    model["merges"] = [m for m in model["merges"] if not lost & set("".join(m))]
    kept = [t for t in model["vocab"] if not lost & set(t)] + ["<unk>"]
    model["vocab"] = {token: i for i, token in enumerate(kept)}
    model["unk_token"], model["fuse_unk"] = "<unk>", True
    return Tokenizer.from_str(json.dumps(document))


def main():
    cases = []
    for make in (
        gpt2,
        llama3,
        qwen3,
        digits,
        pattern,
        removed,
        added,
        unknown,
        llama2,
        metaspace,
        gemma,
    ):
        tokenizer = make()
        document = json.loads(tokenizer.to_str())
        if make is llama3:  # older files write a merge as one string
            document["model"]["merges"] = [" ".join(m) for m in document["model"]["merges"]]
        name = f"{make.__name__}.json"
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        (HERE / name).write_text(text + "\n", encoding="utf-8")
        for parse_special in (True, False):
            tokenizer.encode_special_tokens = not parse_special
            for sample in TEXTS:
                ids = tokenizer.encode(sample, add_special_tokens=False).ids
                decoded = tokenizer.decode(ids, skip_special_tokens=False)
                cases.append([name, parse_special, sample, ids, decoded])
    lines = ",\n".join(
        json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases
    )
    (HERE / "cases.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()

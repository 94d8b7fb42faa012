# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xfer


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> xfer.Tokenizer:
    return xfer.Tokenizer.load(model_folder)


def test_encodes_to_int32_and_back(tokenizer: xfer.Tokenizer) -> None:
    ids = tokenizer.encode("Grüße, 世界! \U0001f600")
    assert ids.dtype == np.int32
    assert ids.ndim == 1
    assert tokenizer.decode_text(ids) == "Grüße, 世界! \U0001f600"


def test_bytes_that_are_not_utf8_survive(tokenizer: xfer.Tokenizer) -> None:
    data = bytes(range(256))
    assert tokenizer.decode(tokenizer.encode(data)) == data
    assert "\ufffd" in tokenizer.decode_text(tokenizer.encode(b"\xff"))


def test_special_tokens_are_parsed_unless_told_otherwise(tokenizer: xfer.Tokenizer) -> None:
    assert list(tokenizer.encode("<|end|>")) == [256]
    assert len(tokenizer.encode("<|end|>", parse_special=False)) == len("<|end|>")
    assert tokenizer.token_to_id("<|end|>") == 256
    assert tokenizer.token_to_id("nothing like it") is None
    assert tokenizer.is_special(256)


def test_decodes_lists_as_well_as_arrays(tokenizer: xfer.Tokenizer) -> None:
    assert tokenizer.decode([72, 105]) == tokenizer.decode(np.array([72, 105], np.int32))


@pytest.mark.parametrize(
    "ids",
    [
        np.array([1, 2]),  # int64
        np.array([1.0], np.float32),
        np.zeros((2, 2), np.int32),
        np.arange(8, dtype=np.int32)[::2],
        [1.5],
        ["1"],
        "12",
        b"12",
        [2**40],
    ],
)
def test_refuses_what_is_not_a_row_of_int32(tokenizer: xfer.Tokenizer, ids: object) -> None:
    with pytest.raises(TypeError, match="1-D contiguous int32"):
        tokenizer.decode(ids)  # type: ignore[arg-type]


def test_an_unknown_id_is_named(tokenizer: xfer.Tokenizer) -> None:
    with pytest.raises(xfer.Error, match="257") as caught:
        tokenizer.decode([257])
    assert caught.value.code == "invalid_argument"


def test_a_missing_tokenizer_names_its_file(tmp_path: Path) -> None:
    with pytest.raises(xfer.Error, match="nowhere"):
        xfer.Tokenizer.load(tmp_path / "nowhere.json")


def test_renders_conversations(tokenizer: xfer.Tokenizer) -> None:
    chat = xfer.Renderer(xfer.Renderer.recommended(tokenizer), tokenizer)
    question = {"role": "user", "content": "What is 2 + 3?"}
    prompt = chat.generation_prompt([question])
    tokens, is_target = chat.supervised_example([question, {"role": "assistant", "content": "5"}])
    assert prompt.dtype == tokens.dtype == np.int32
    assert is_target.dtype == np.bool_
    assert list(tokens[: len(prompt)]) == list(prompt)
    assert not is_target[: len(prompt)].any()
    assert is_target[-1]
    assert chat.parse_answer(tokens[len(prompt) :]).strip() == "5"


def test_an_unknown_renderer_is_answered_with_the_known(tokenizer: xfer.Tokenizer) -> None:
    with pytest.raises(xfer.Error, match="chatml"):
        xfer.Renderer("chatlm", tokenizer)


@pytest.mark.parametrize(
    ("messages", "error"),
    [
        (["hello"], TypeError),
        ([{"role": "user"}], xfer.Error),
        ([{"role": "user", "content": 3}], TypeError),
        ([{"role": "user", "content": "x", "name": "y"}], xfer.Error),
    ],
)
def test_refuses_malformed_messages(
    tokenizer: xfer.Tokenizer, messages: list[object], error: type[Exception]
) -> None:
    chat = xfer.Renderer("role_colon", tokenizer)
    with pytest.raises(error):
        chat.generation_prompt(messages)  # type: ignore[arg-type]

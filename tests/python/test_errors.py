# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy
import pickle

import pytest
import xfer
from xfer import _native


@pytest.mark.parametrize(
    "error",
    [
        xfer.Error("no such file", "io"),
        xfer.ServiceError("slow down", "rate_limited", 429, "r-1"),
        xfer.Cancelled("stopped"),
    ],
)
def test_errors_can_be_pickled_and_copied(error: xfer.Error) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_there_is_one_tree() -> None:
    assert issubclass(xfer.ServiceError, xfer.Error)
    assert issubclass(xfer.Cancelled, xfer.Error)
    assert issubclass(xfer.Error, Exception)


def test_errors_from_the_library_carry_their_code_and_pickle() -> None:
    with pytest.raises(xfer.Error) as caught:
        xfer.domain("astrology")
    assert caught.value.code == "invalid_argument"
    assert "astrology" in str(caught.value)
    assert "math" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).code == "invalid_argument"


def test_bad_input_is_told_from_failure() -> None:
    assert _native.is_bad_input("invalid_argument")
    assert _native.is_bad_input("bad_data")
    assert _native.is_bad_input("run_mismatch")
    assert not _native.is_bad_input("io")
    assert not _native.is_bad_input("anything else")

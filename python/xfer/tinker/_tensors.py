# SPDX-License-Identifier: Apache-2.0
"""Tensors of the wire: float32 or int64, dense or in compressed sparse rows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

TensorDtype = Literal["int64", "float32"]

_NUMPY: dict[str, Any] = {"int64": np.int64, "float32": np.float32}


def is_torch_tensor(value: object) -> bool:
    """Without importing torch: whoever holds a tensor has done so."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


class TensorData:
    """A tensor with its `dtype` and `shape`.

    With `sparse_crow_indices` and `sparse_col_indices` (compressed sparse rows) it holds only the
    listed values of a 2-D tensor.
    """

    __slots__ = ("dtype", "shape", "sparse_col_indices", "sparse_crow_indices", "values")

    dtype: TensorDtype
    shape: list[int] | None
    sparse_crow_indices: list[int] | None
    sparse_col_indices: list[int] | None
    values: npt.NDArray[Any]

    def __init__(
        self,
        data: Any = None,
        dtype: TensorDtype | None = None,
        shape: list[int] | None = None,
        sparse_crow_indices: list[int] | None = None,
        sparse_col_indices: list[int] | None = None,
    ) -> None:
        if dtype is None:
            raise TypeError("TensorData needs a dtype, 'int64' or 'float32'")
        if dtype not in _NUMPY:
            raise ValueError(f"TensorData: dtype must be 'int64' or 'float32' (got {dtype!r})")
        values = np.asarray([] if data is None else data, dtype=_NUMPY[dtype])
        if not values.flags.writeable:  # torch warns about those
            values = values.copy()
        if sparse_crow_indices is None and shape is not None:
            values = values.reshape(shape)
        self.dtype = dtype
        self.shape = None if shape is None else list(shape)
        self.sparse_crow_indices = sparse_crow_indices
        self.sparse_col_indices = sparse_col_indices
        self.values = values

    @property
    def data(self) -> list[Any]:
        """The values in one flat list."""
        flat: list[Any] = self.values.reshape(-1).tolist()
        return flat

    @classmethod
    def from_numpy(cls, array: npt.NDArray[Any]) -> TensorData:
        array = np.asarray(array)
        if array.dtype.kind not in "fiu":
            raise ValueError(f"TensorData: numbers are needed (got an array of {array.dtype})")
        dtype: TensorDtype = "float32" if array.dtype.kind == "f" else "int64"
        return cls(array, dtype, list(array.shape))

    @classmethod
    def from_torch(cls, tensor: torch.Tensor) -> TensorData:
        return cls.from_numpy(_numpy_of(tensor))

    @classmethod
    def from_torch_sparse(cls, tensor: torch.Tensor, pad_value: int = 0) -> TensorData:
        """Leaves out the entries that are `pad_value` where that makes it smaller."""
        return cls.from_numpy_sparse(_numpy_of(tensor), pad_value)

    @classmethod
    def from_numpy_sparse(cls, array: npt.NDArray[Any], pad_value: int = 0) -> TensorData:
        """Leaves out the entries that are `pad_value` where that makes it smaller."""
        pad_value = _checked_pad(pad_value)
        if array.ndim != 2:
            return cls.from_numpy(array)
        listed = array != pad_value
        rows, columns = array.shape
        if rows + 1 + 2 * int(np.count_nonzero(listed)) >= rows * columns:
            return cls.from_numpy(array)
        dense = cls.from_numpy(array)
        crow = np.concatenate([[0], np.cumsum(listed.sum(axis=1))])
        return cls(
            dense.values[listed],
            dense.dtype,
            list(array.shape),
            crow.tolist(),
            np.nonzero(listed)[1].tolist(),
        )

    def to_numpy(self, pad_value: int = 0) -> npt.NDArray[Any]:
        """Dense; `pad_value` stands where nothing is listed."""
        pad_value = _checked_pad(pad_value)
        if self.sparse_crow_indices is None:
            return self.values
        if self.shape is None or len(self.shape) != 2 or self.sparse_col_indices is None:
            raise ValueError("a sparse TensorData needs a 2-D shape, row pointers and columns")
        crow = np.asarray(self.sparse_crow_indices, dtype=np.int64)
        counts = crow[1:] - crow[:-1]
        columns = np.asarray(self.sparse_col_indices, dtype=np.int64)
        if len(counts) != self.shape[0] or counts.min(initial=0) < 0:
            raise ValueError("sparse_crow_indices do not fit the shape")
        if counts.sum() != self.values.size or columns.size != self.values.size:
            raise ValueError("a sparse TensorData needs one column for each value")
        if columns.size and not 0 <= columns.min() <= columns.max() < self.shape[1]:
            raise ValueError("sparse_col_indices are outside the shape")
        dense = np.full(self.shape, pad_value, dtype=self.values.dtype)
        dense[np.repeat(np.arange(self.shape[0]), counts), columns] = self.values.reshape(-1)
        return dense

    def to_torch(self, pad_value: int = 0) -> torch.Tensor:
        import torch

        return torch.from_numpy(self.to_numpy(pad_value))

    def tolist(self, pad_value: int = 0) -> list[Any]:
        out: list[Any] = self.to_numpy(pad_value).tolist()
        return out

    def model_dump(self, *, mode: str = "python", exclude_none: bool = False) -> dict[str, Any]:
        del mode
        out = {"data": self.data, "dtype": self.dtype, "shape": self.shape}
        if self.sparse_crow_indices is not None or not exclude_none:
            out["sparse_crow_indices"] = self.sparse_crow_indices
            out["sparse_col_indices"] = self.sparse_col_indices
        return out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TensorData):
            return NotImplemented
        return (
            self.dtype == other.dtype
            and self.shape == other.shape
            and self.sparse_crow_indices == other.sparse_crow_indices
            and self.sparse_col_indices == other.sparse_col_indices
            and np.array_equal(self.values, other.values, equal_nan=self.dtype == "float32")
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        sparse = "" if self.sparse_crow_indices is None else ", sparse"
        return f"TensorData(dtype={self.dtype!r}, shape={self.shape}{sparse})"


def _numpy_of(tensor: torch.Tensor) -> npt.NDArray[Any]:
    plain = tensor.detach().cpu()
    # NumPy has no bfloat16, and the wire no float of another width.
    array: npt.NDArray[Any] = (
        (plain.float() if plain.is_floating_point() else plain).contiguous().numpy()
    )
    return array


def _checked_pad(pad_value: object) -> int:
    if isinstance(pad_value, bool) or not isinstance(pad_value, (int, np.integer)):
        raise TypeError(f"pad_value must be an integer (got {type(pad_value).__name__})")
    return int(pad_value)

"""What users and plugins do with an array, for arrays that are read when they are asked for."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray


class ArrayLike(NDArrayOperatorsMixin):
    """Operators, ufuncs and the commonest methods of numpy; each reads the whole array.

    A subclass has ``shape``, ``dtype``, ``__array__`` and ``__getitem__``. It is taken to be a
    value that never changes: a copy of it is itself, and pickling it gives a numpy array on
    the other side, as files and threads stay behind.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def shape(self) -> tuple[int, ...]:
            """Length of each axis."""

        @property
        def dtype(self) -> np.dtype[Any]:
            """Type of the values."""

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes that the array takes once read."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Read what is lazy and let numpy compute."""
        if any(isinstance(out, ArrayLike) for out in kwargs.get("out", ())):
            return NotImplemented
        read = [np.asarray(value) if isinstance(value, ArrayLike) else value for value in inputs]
        return getattr(ufunc, method)(*read, **kwargs)

    def astype(self, dtype: DTypeLike, **options: Any) -> NDArray[Any]:
        """Return a numpy array of another type."""
        return np.asarray(self).astype(dtype, **options)

    def copy(self) -> NDArray[Any]:
        """Return a numpy array of one's own, to write to."""
        return np.array(self)

    def min(self, *args: Any, **options: Any) -> Any:
        """Return the least value, as ``numpy.ndarray.min``."""
        return np.asarray(self).min(*args, **options)

    def max(self, *args: Any, **options: Any) -> Any:
        """Return the greatest value, as ``numpy.ndarray.max``."""
        return np.asarray(self).max(*args, **options)

    def mean(self, *args: Any, **options: Any) -> Any:
        """Return the mean, as ``numpy.ndarray.mean``."""
        return np.asarray(self).mean(*args, **options)

    def std(self, *args: Any, **options: Any) -> Any:
        """Return the standard deviation, as ``numpy.ndarray.std``."""
        return np.asarray(self).std(*args, **options)

    def sum(self, *args: Any, **options: Any) -> Any:
        """Return the sum, as ``numpy.ndarray.sum``."""
        return np.asarray(self).sum(*args, **options)

    def any(self, *args: Any, **options: Any) -> Any:
        """Return whether any value is true, as ``numpy.ndarray.any``."""
        return np.asarray(self).any(*args, **options)

    def all(self, *args: Any, **options: Any) -> Any:
        """Return whether all values are true, as ``numpy.ndarray.all``."""
        return np.asarray(self).all(*args, **options)

    def ravel(self) -> NDArray[Any]:
        """Return the values in one row."""
        return np.asarray(self).ravel()

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a plain array."""
        return np.asarray, (np.array(self),)

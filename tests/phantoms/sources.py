"""Sources of planes that count what they are asked, are slow, or fail."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import DecodeError

Array = NDArray[Any]


class ArraySource:
    """The planes of an array of shape ``outer + inner``, with a count of the reads.

    Parameters
    ----------
    array : array
    n_outer : int
        How many of its first axes number the planes.
    delay : float
        Seconds that each read takes.
    broken : collection of int
        Planes whose reading fails, before anything is written.
    workers : int
        Threads that the source offers to be read with.
    """

    def __init__(
        self,
        array: Array,
        n_outer: int = 1,
        *,
        delay: float = 0.0,
        broken: Collection[int] = (),
        workers: int = 1,
    ) -> None:
        self.outer, self.inner = array.shape[:n_outer], array.shape[n_outer:]
        self.dtype, self.name = array.dtype, "made-up"
        self.array = array
        self.planes = array.reshape(-1, *self.inner)
        self.delay, self.broken, self.workers = delay, set(broken), workers
        self.reads: Counter[int] = Counter()
        self.order: list[int] = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()

    def read_plane(self, number: int, out: Array) -> None:
        with self._lock:
            self.reads[number] += 1
            self.order.append(number)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            time.sleep(self.delay)
            if number in self.broken:
                raise DecodeError(self.name, f"plane {number} is broken")
            out[...] = self.planes[number]
        finally:
            with self._lock:
                self.at_once -= 1


class StreamSource(ArraySource):
    """As :class:`ArraySource`, but plane after plane from the first.

    `stuck` streams do not get past a broken plane.
    """

    def __init__(
        self, array: Array, n_outer: int = 1, *, stuck: bool = False, **more: Any
    ) -> None:
        super().__init__(array, n_outer, **more)
        self.position, self.rewinds, self.stuck = 0, 0, stuck

    def rewind(self) -> None:
        self.position = 0
        self.rewinds += 1

    def read_plane(self, number: int, out: Array) -> None:
        assert number == self.position, "a stream can only be read on"
        if not (self.stuck and number in self.broken):
            self.position = number + 1
        super().read_plane(number, out)
        assert self.most_at_once == 1, "a stream is read by one thread at a time"


class BoxSource(ArraySource):
    """As :class:`ArraySource`, but any box can be cut out of it."""

    def __init__(self, array: Array, n_outer: int = 1, **more: Any) -> None:
        super().__init__(array, n_outer, **more)
        self.boxes: list[tuple[slice | int, ...]] = []

    def read_region(self, index: tuple[slice | int, ...]) -> Array:
        self.boxes.append(index)
        return np.array(self.array[index])

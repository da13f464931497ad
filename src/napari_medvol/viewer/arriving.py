"""What napari draws of a scan that is still being read: what is there, the rest when it comes.

napari asks a layer for its picture in the thread that draws the window. A plane across the
slices of a compressed series needs every one of them, and the window would stand still until
the last is decoded. So a person gets what is in memory at once; a thread reads the rest, and the
layer is drawn again. A script gets whole pictures, as it asks for one after the other.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import MedVolError
from napari_medvol.stores import SequentialSource
from napari_medvol.viewer import notify
from napari_medvol.viewer.window import is_live, later

if TYPE_CHECKING:
    from napari.layers import Layer

Array = NDArray[Any]

#: Bytes. One plane of at most this size is read while the window waits: a compressed one takes
#: some ten milliseconds, the time of a draw, and whoever steps through slices sees no gaps.
_QUICK_DECODED: Final = 1 << 20
_QUICK_COPIED: Final = 1 << 24

#: Bytes. What is larger is not shown in part: putting it together would take too long.
_IN_PART: Final = 1 << 25

#: Bytes. An array of another library that is larger is not computed unasked.
_UNASKED: Final = 1 << 30

#: ms until a picture is looked after first, and again.
_SOON_MS: Final = 20
_AGAIN_MS: Final = 100

#: Share of a scan that has to come in before what is there is drawn again.
_WORTH_A_DRAW: Final = 0.15

#: Seconds between two draws: one canvas a turn of the loop, so that the window answers between.
_APART_S: Final = 0.05

_arrivals: WeakKeyDictionary[Any, Arrival] = WeakKeyDictionary()


def is_at_hand(data: Any, index: Any = ...) -> bool:
    """Return whether a part of an array can be drawn without waiting for files.

    Lazy scans count when the planes that are needed are in memory; what wraps an array counts
    when all of that array does.
    """
    if isinstance(data, np.ndarray):
        return True
    if isinstance(data, LazyArray):
        return data.store.is_complete or data.store.has(data.planes(index))
    wrapped = getattr(data, "data", None)
    if wrapped is not None and hasattr(wrapped, "shape"):
        return is_at_hand(wrapped)
    n_voxels = int(np.prod(getattr(data, "shape", (0,)), dtype=np.int64))
    return n_voxels * np.dtype(getattr(data, "dtype", np.uint8)).itemsize <= _UNASKED


def is_lazy(data: Any) -> bool:
    """Return whether an array is a lazy scan of ours, or made of one."""
    while not isinstance(data, LazyArray):
        data = getattr(data, "data", None)
        if data is None or not hasattr(data, "shape"):
            return False
    return True


def let_arrive(layer: Layer) -> None:
    """Let a layer draw at once what is in memory of it, and the rest when it comes.

    Once for each layer; layers that hold nothing lazy are left alone.
    """
    state = getattr(layer, "_slicing_state", None)
    if layer in _arrivals or getattr(layer, "multiscale", False) or not is_lazy(layer.data):
        return
    # Where napari changes how it asks, it waits for its pictures as it always did.
    if hasattr(state, "_slice_request_class"):
        _arrivals[layer] = Arrival(layer)


def arrival_of(layer: Layer) -> Arrival | None:
    """Return who sees to what is missing of a layer's picture."""
    return _arrivals.get(layer)


def rest(layer: Layer) -> None:
    """Stop reading for the picture of a layer that left its viewer."""
    arrival = _arrivals.get(layer)
    if arrival is not None:
        arrival.rest()


class Arrival:
    """Answers for one layer when napari asks for a picture.

    Parameters
    ----------
    layer : Image or Labels

    Attributes
    ----------
    is_drawing : bool
        Whether the layer is drawn for no other reason than that more of it has come.
    """

    def __init__(self, layer: Layer) -> None:
        self._layer = weakref.ref(layer)
        self.is_drawing = False
        self._lock = threading.Lock()
        self._wanted: _Part | None = None
        self._got: tuple[_Part, Array] | None = None
        self._failed: Exception | None = None
        self._is_working = self._is_watching = False
        self._share = 0.0
        state: Any = layer._slicing_state  # noqa: SLF001 - napari asks its layers there
        self._request = state._slice_request_class  # noqa: SLF001
        state._slice_request_class = self._request_at_once  # noqa: SLF001

    @property
    def is_awaited(self) -> bool:
        """Whether something of the picture is missing."""
        return self._wanted is not None

    def rest(self) -> None:
        """Wait for nothing any more: the layer left its viewer."""
        self._forget()

    def finish(self) -> None:
        """Wait for what is missing, and draw it."""
        layer, part = self._layer(), self._wanted
        if layer is not None and part is not None:
            self._got = (part, np.asarray(part.data[part.index]))
            self._draw(layer)

    def _request_at_once(self, **parts: Any) -> Any:
        """Return napari's request for a picture, of an array that does not keep it waiting."""
        if self.is_drawing or is_live():
            answering = _Answering(parts["data_at_data_level"], self)
            parts |= {"data_at_data_level": answering, "data_at_thumbnail_level": answering}
        else:
            self._forget()
        return self._request(**parts)

    def values(self, data: Any, index: Any) -> Array:
        """Return a part of an array as it is known now; ask for what is missing."""
        part = _Part(data, index)
        got = self._got
        if got is not None and got[0] == part:
            self._forget(keep=True)
            return got[1]
        # In napari's own thread for pictures, nobody waits.
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or is_at_hand(data, index) or _is_quick(data, index):
            self._forget()
            return np.asarray(data[index])
        self._want(part)
        return part.known(self._blank())

    def _blank(self) -> Any:
        """Return the value that is drawn darkest."""
        layer: Any = self._layer()
        limits = getattr(layer, "contrast_limits", None)
        if limits is None or getattr(layer, "rgb", False):
            return 0
        dtype = np.dtype(layer.dtype)
        if dtype.kind not in "iu":
            return limits[0]
        return int(np.clip(limits[0], np.iinfo(dtype).min, np.iinfo(dtype).max))

    def _forget(self, keep: bool = False) -> None:
        """Nothing is missing any more."""
        if self._wanted is not None:
            self._wanted = None
            self._tell(True)
        if not keep:
            self._got = None

    def _tell(self, is_loaded: bool) -> None:
        """Let napari's list of layers turn its wheel, or stop it."""
        layer: Any = self._layer()
        if layer is not None:
            layer._slicing_state._set_loaded(is_loaded)  # noqa: SLF001 - for napari's own reader

    def _want(self, part: _Part) -> None:
        is_new = self._wanted != part
        with self._lock:
            if is_new:
                self._wanted, self._failed, self._share = part, None, part.share()
            starts = not self._is_working and self._failed is None
            self._is_working = self._is_working or starts
        if starts:
            thread = threading.Thread(
                target=_work, args=(weakref.ref(self),), name="medvol-arrival", daemon=True
            )
            thread.start()
        if is_new:
            self._tell(False)
        self._watch(_SOON_MS)

    # -- in the thread that reads -------------------------------------------------------------

    def take(self) -> _Part | None:
        """Return what is to be read, or None: then the thread ends."""
        with self._lock:
            part = self._wanted
            is_done = self._failed is not None or (self._got or (None,))[0] == part
            if part is None or is_done:
                self._is_working = False
                return None
            return part

    def is_wanted(self, part: _Part) -> bool:
        """Return whether nobody has looked away meanwhile."""
        return self._wanted is part

    def give(self, part: _Part, values: Array | None, error: Exception | None) -> None:
        """Hand over what was read of a part, or why it was not."""
        with self._lock:
            if self._wanted is part:
                self._failed = error
                self._got = None if values is None else (part, values)

    # -- in the thread that draws -------------------------------------------------------------

    def _watch(self, milliseconds: int) -> None:
        if self._is_watching:
            return
        self._is_watching = True
        reference = weakref.ref(self)

        def look() -> None:
            arrival = reference()
            if arrival is not None:
                arrival._look()  # noqa: SLF001

        later(milliseconds, look)

    def _look(self) -> None:
        """Draw what has come since the last look."""
        self._is_watching = False
        layer, part = self._layer(), self._wanted
        if layer is None or part is None:
            return
        if not layer.visible:
            # Asked for anew when it is shown.
            self._forget()
            return
        if self._failed is not None:
            self._give_up(part)
            return
        is_whole = self._got is not None and self._got[0] == part
        share = part.share()
        if (is_whole or share >= self._share + _WORTH_A_DRAW) and _TURNS.is_free():
            self._share = share
            self._draw(layer)
            _TURNS.take()
        if self._wanted is not None:
            self._watch(_SOON_MS if is_whole else _AGAIN_MS)

    def _give_up(self, part: _Part) -> None:
        error, self._failed = self._failed, None
        self._got = (part, part.known(self._blank()))
        self._forget(keep=True)
        if isinstance(error, MedVolError):
            notify.fail(error)
        elif error is not None:
            raise error

    def _draw(self, layer: Layer) -> None:
        self.is_drawing = True
        try:
            layer.refresh(extent=False, highlight=False)
        finally:
            self.is_drawing = False


class _Turns:
    """Whose turn it is to draw: one layer's, with a breath for the window before the next."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_free(self) -> bool:
        return time.monotonic() >= self._next

    def take(self) -> None:
        self._next = time.monotonic() + _APART_S


_TURNS: Final = _Turns()


class _Part:
    """A part of an array, as napari asks for it."""

    def __init__(self, data: Any, index: Any) -> None:
        self.data, self.index = data, index

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Part):
            return NotImplemented
        return self.data is other.data and bool(self.index == other.index)

    __hash__ = None  # type: ignore[assignment]

    def known(self, blank: Any) -> Array:
        """Return what is in memory, `blank` elsewhere; a single voxel of a large part."""
        shape = _shape_of(self.data.shape, self.index)
        dtype = np.dtype(self.data.dtype)
        if np.prod(shape, dtype=np.int64) * dtype.itemsize > _IN_PART:
            n_space = sum(isinstance(part, slice) for part in self.index)
            return np.full((1,) * n_space + shape[n_space:], blank, dtype=dtype)
        if isinstance(self.data, LazyArray):
            return self.data.known(self.index, blank)
        return np.broadcast_to(np.array(blank, dtype=dtype), shape)

    def share(self) -> float:
        """Return how much of it could be shown now; 0 where it comes all at once."""
        if not isinstance(self.data, LazyArray):
            return 0.0
        size = np.prod(_shape_of(self.data.shape, self.index), dtype=np.int64)
        is_shown = size * np.dtype(self.data.dtype).itemsize <= _IN_PART
        return self.data.store.progress if is_shown else 0.0


class _Answering:
    """An array as napari's request for a picture sees it."""

    def __init__(self, data: Any, arrival: Arrival) -> None:
        self._data, self._arrival = data, arrival

    def __getitem__(self, index: Any) -> Array:
        return self._arrival.values(self._data, index)


def _work(reference: weakref.ref[Arrival]) -> None:
    """Read what is wanted, the latest only, until nothing is; or nobody is left to want it."""
    while True:
        arrival = reference()
        part = None if arrival is None else arrival.take()
        del arrival
        if part is None:
            return
        values: Array | None = None
        error: Exception | None = None
        try:
            if _load(part, reference):
                values = np.asarray(part.data[part.index])
        except Exception as raised:  # told in the thread that draws
            error = raised
        arrival = reference()
        if arrival is None:
            return
        arrival.give(part, values, error)
        del arrival


def _load(part: _Part, reference: weakref.ref[Arrival]) -> bool:
    """Bring the planes of a part into memory, one by one; False if nobody wants it any more."""
    data = part.data
    if not isinstance(data, LazyArray) or not data.store.stays_in_memory:
        return True
    for number in _missing(data, part.index):
        arrival = reference()
        if arrival is None or not arrival.is_wanted(part):
            return False
        del arrival
        data.store.load((number,))
    return True


def _missing(data: LazyArray, index: Any) -> Iterable[int]:
    return (number for number in data.planes(index) if not data.store.has((number,)))


def _is_quick(data: Any, index: Any) -> bool:
    """Return whether reading takes no longer than drawing: one plane, no stream to get through."""
    if not isinstance(data, LazyArray) or isinstance(data.store.source, SequentialSource):
        return False
    limit = _QUICK_DECODED if getattr(data.store.source, "workers", 1) > 1 else _QUICK_COPIED
    return data.store.plane_nbytes <= limit and len(data.planes(index)) == 1


def _shape_of(shape: tuple[int, ...], index: Any) -> tuple[int, ...]:
    """Return the shape that basic indexing, one slice or int for each axis, leaves."""
    parts = index if isinstance(index, tuple) else (index,)
    if Ellipsis in parts:
        parts = (slice(None),) * len(shape)
    left = [len(range(*p.indices(n))) for p, n in zip(parts, shape, strict=False)
            if isinstance(p, slice)]  # fmt: skip
    return (*left, *shape[len(parts) :])

"""What a new series belongs to: the study, the patient, and the images that it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from napari_medvol.errors import MedVolError, WriteError
from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.by_pydicom import translated
from napari_medvol.formats.dicom.frames import Frame
from napari_medvol.formats.dicom.grid import normal_of
from napari_medvol.formats.dicom.volumes import DicomNative
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.volume import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

Points = NDArray[np.float64]

#: Two planes this near are one, mm; and this nearly parallel.
_SAME_PLACE: Final = 0.01
_PARALLEL: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Source:
    """The images that a volume was made of, or those that it is to be filed with.

    Parameters
    ----------
    frames : tuple of Frame or None
        Plane by plane, k fastest.
    n_slices : int
    shape : tuple of int
        Length of the axes after k.
    files : tuple of str
    """

    frames: tuple[Frame | None, ...]
    n_slices: int
    shape: tuple[int, ...]
    files: tuple[str, ...]

    @property
    def lead(self) -> Frame:
        """An image that speaks for all."""
        return next(frame for frame in self.frames if frame is not None)

    @property
    def is_placed(self) -> bool:
        """Whether the images say where they lie in the patient."""
        return self.lead.position is not None

    @property
    def normal(self) -> Points | None:
        """Unit normal of the images, LPS+."""
        return None if self.lead.orientation is None else normal_of(self.lead.orientation)

    def at(self, position: Points, normal: Points) -> list[int]:
        """Return the slices that lie in the plane through `position`, LPS+ mm."""
        own = self.normal
        if own is None or abs(abs(float(own @ normal)) - 1) > _PARALLEL:
            return []
        return [
            k
            for k in range(self.n_slices)
            if (place := self._place(k)) is not None
            and abs(float((place - position) @ own)) <= _SAME_PLACE
        ]

    def _place(self, k: int) -> Points | None:
        frames = self.frames[k :: self.n_slices]
        return next((f.position for f in frames if f is not None and f.position is not None), None)

    def images(self, slices: Sequence[int], repeat: tuple[int, ...] | None) -> list[Frame]:
        """Return the images of slices, all repeats of them or the one at an index."""
        if repeat is None or len(repeat) != len(self.shape):
            repeats: Sequence[int] = range(len(self.frames) // self.n_slices)
        elif any(n >= size for n, size in zip(repeat, self.shape, strict=True)):
            return []
        else:
            repeats = [int(np.ravel_multi_index(repeat, self.shape, order="F")) if repeat else 0]
        found = (self.frames[r * self.n_slices + k] for r in repeats for k in slices)
        return [frame for frame in found if frame is not None]

    def distinct(self) -> list[Frame]:
        """Return one image of every file that can be read."""
        by_file = {str(f.header.path): f for f in self.frames if f is not None}
        return [f for f in by_file.values() if not f.header.problem]


def source_of(volume: Volume, choices: WriteChoices) -> Source | None:
    """Return what a volume belongs to: `like`, else what it was read from, else None.

    Raises
    ------
    WriteError
        If `like` was not read from DICOM.
    """
    chosen = choices.like if choices.like is not None else volume
    native = chosen.native
    if not isinstance(native, DicomNative):
        if choices.like is None:
            return None
        raise WriteError(
            volume.name or "volume",
            f"like={chosen.name!r} was not read from DICOM, so it has no study to belong to",
            "Give a volume that was read from a DICOM series",
        )
    n_repeats = len(native.stack.repeats.table[0])
    n_slices = len(native.frames) // n_repeats
    files = tuple(dict.fromkeys(str(f.header.path) for f in native.frames if f is not None))
    return Source(native.frames, n_slices, native.stack.repeats.shape, files)


def header_of(frame: Frame) -> Dataset:
    """Return the complete header of the file of an image, its texts decoded.

    Raises
    ------
    WriteError
        If the file is no longer there or cannot be read.
    """
    try:
        with translated(frame.header.path):
            return _decoded(str(frame.header.path), frame.header.size)
    except (MedVolError, OSError) as error:
        why = error.why if isinstance(error, MedVolError) else str(error)
        raise WriteError(
            str(frame.header.path),
            f"the source of the new series can no longer be read ({why})",
            "Put it back where it was, or give like= another series of the study",
        ) from error


@lru_cache(maxsize=4)
def _read(path: str, size: int, changed: float) -> Dataset:
    from napari_medvol.formats.dicom.by_pydicom import dataset_of
    from napari_medvol.formats.dicom.files import OpenFile

    with OpenFile(Path(path)) as file:
        return plain(dataset_of(file)[0])


def _decoded(path: str, size: int) -> Dataset:
    return _read(path, size, Path(path).stat().st_mtime)


def plain(dataset: Dataset) -> Dataset:
    """Return a dataset of standard elements whose values pydicom can read and write, decoded."""
    from pydicom import Dataset as NewDataset

    kept = NewDataset()
    for element in _readable(dataset):
        kept.add(element)
    return kept


def _readable(dataset: Dataset) -> Iterator[Any]:
    for tag in sorted(dataset.keys()):
        if tag.is_private or tag.element == 0 or tag.group in (0x0002, 0xFFFA, 0xFFFC):
            continue
        try:
            element = dataset[tag]
            if element.VR == "SQ":
                element.value = [plain(item) for item in element.value]
            elif element.VR in ("UN", "OB", "OW", "OF", "OD", "OL", "OV"):
                continue
            else:
                str(element.value)
        # pydicom raises what the conversion of a damaged value raises.
        except Exception:  # noqa: S112
            continue
        yield element


def common_elements(source: Source) -> Dataset:
    """Return the elements that all files of a source say alike."""
    common: Dataset | None = None
    for frame in source.distinct():
        own = header_of(frame)
        if common is None:
            common = _copy(own)
            continue
        for tag in list(common.keys()):
            if tag not in own or own[tag].value != common[tag].value:
                del common[tag]
    assert common is not None
    return common


def _copy(dataset: Dataset) -> Dataset:
    from pydicom import Dataset as NewDataset

    copied = NewDataset()
    for element in dataset:
        copied.add(element)
    return copied


def copied(frame: Frame) -> Dataset:
    """Return the header of the file of an image, to be changed."""
    return _copy(header_of(frame))


def text_of(frame: Frame | None, tag: int) -> str:
    """Return an element as text, empty where there is no image."""
    return "" if frame is None else frame.text(tag)


def reference(frame: Frame) -> tuple[str, str, int | None]:
    """Return SOP class, SOP instance and number of the frame, None where it is the only one."""
    n_frames = frame.header.integer(tags.NUMBER_OF_FRAMES) or 1
    return (
        frame.text(tags.SOP_CLASS_UID),
        frame.text(tags.SOP_INSTANCE_UID),
        frame.number + 1 if n_frames > 1 else None,
    )

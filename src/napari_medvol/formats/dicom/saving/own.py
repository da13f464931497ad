"""Whether a folder of DICOM files may be replaced: only by what wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.by_pydicom import dataset_of, translated
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.saving.identity import MAKER

if TYPE_CHECKING:
    from pydicom import Dataset


def why_kept(folder: Path) -> str:
    """Return why a folder may not be replaced, in words; empty where it may.

    It may where all its files are of one series that this program wrote: whoever asks for
    ``overwrite`` means the output of an earlier run, and a series of a scanner is there once.

    Parameters
    ----------
    folder : Path
    """
    series = set()
    for path in sorted(folder.glob("*.dcm")):  # other names are never replaced
        try:
            with translated(path), OpenFile(path) as file:
                dataset = dataset_of(file)[0]
                is_ours = _is_ours(dataset)
                series.add(str(dataset.get("SeriesInstanceUID") or ""))
        except ReadError:
            is_ours = False
        if not is_ours:
            return f"it holds {path.name!r}, which this program did not write"
        if len(series) > 1:
            return f"it holds {path.name!r}, which is of another series than the files before it"
    return ""


def _is_ours(dataset: Dataset) -> bool:
    said = str(dataset.get("DerivationDescription") or "")
    return said.startswith(f"{MAKER}:") or dataset.get("Manufacturer") == MAKER

"""File > Open Sample: made patients, and the head that nibabel ships."""

from __future__ import annotations

from pathlib import Path

from napari_medvol.errors import ReadError
from napari_medvol.formats import read
from napari_medvol.viewer import phantoms
from napari_medvol.viewer.following import follow_open_windows
from napari_medvol.viewer.layers import LayerData
from napari_medvol.viewer.opening import layers_of
from napari_medvol.volume import Volume


def ct() -> list[LayerData]:
    """Return the CT of a chest."""
    return _opened(phantoms.chest_ct())


def pet() -> list[LayerData]:
    """Return the PET of the same patient, which lies over the CT."""
    return _opened(phantoms.chest_pet())


def ct_labels() -> list[LayerData]:
    """Return the organs of the CT as labels."""
    return _opened(phantoms.chest_labels())


def oblique_mr() -> list[LayerData]:
    """Return the MR of a head that lies askew."""
    return _opened(phantoms.head_mr())


def fmri() -> list[LayerData]:
    """Return a head over time."""
    return _opened(phantoms.head_fmri())


def nibabel_head() -> list[LayerData]:
    """Return the anatomical image that nibabel's tests use.

    Raises
    ------
    ReadError
        If nibabel was installed without its test data.
    """
    import nibabel

    path = Path(nibabel.__file__).parent / "tests" / "data" / "anatomical.nii"
    if not path.is_file():
        raise ReadError(
            str(path), "nibabel was installed without its test data", "Install nibabel from PyPI"
        )
    return _opened(*read(path))


def _opened(*volumes: Volume) -> list[LayerData]:
    follow_open_windows()
    return layers_of(volumes)

"""Row 13: voxels in memory to one compressed NIfTI file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tasks import Array, Run, kji, task

#: Share by which our file may be larger than nibabel's.
LARGER = 1.05


def _writing(path: Path, write: Callable[[Any, Path], object]) -> Run:
    """Return a run that writes the file's voxels, read before, to a new file."""
    import nibabel as nib

    image = nib.load(path)
    values = np.asarray(image.dataobj)
    affine = image.affine

    def run() -> Path:
        target = Path(tempfile.mkdtemp(dir=path.parent)) / "out.nii.gz"
        write((values, affine), target)
        return target

    def digested(target: Path) -> Array:
        from gzip import open as inflating

        data = np.asarray(nib.load(target).dataobj)
        with inflating(target) as file:  # one member that the standard library reads to its end
            assert len(file.read()) >= data.nbytes
        reference = Path(tempfile.mkdtemp(dir=path.parent)) / "reference.nii.gz"
        nib.save(nib.Nifti1Image(values, affine), reference)
        assert target.stat().st_size <= LARGER * reference.stat().st_size
        return kji(data)

    run.digested = digested  # type: ignore[attr-defined]
    return run


@task
def write_gz_ours(path: Path) -> Run:
    """As a user gets it: compressed, flushed, read back, compared, put in place."""
    import isal.igzip_threaded

    import napari_medvol as mv
    import napari_medvol.formats

    assert isal.igzip_threaded
    assert napari_medvol.formats
    return _writing(path, lambda scan, target: mv.write(mv.Volume(*scan), target))


@task
def write_gz_alone(path: Path) -> Run:
    """Our compression without flush and proof: what the peers do."""
    import isal.igzip_threaded

    import napari_medvol as mv
    from napari_medvol.formats.nifti.writing import write
    from napari_medvol.formats.row import unheard
    from napari_medvol.formats.saving.choices import WriteChoices

    assert isal.igzip_threaded
    return _writing(
        path, lambda scan, target: write(mv.Volume(*scan), target, WriteChoices(), unheard)
    )


@task
def write_gz_nibabel(path: Path) -> Run:
    import nibabel as nib

    return _writing(path, lambda scan, target: nib.save(nib.Nifti1Image(*scan), target))


@task
def write_gz_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    def write(scan: Any, target: Path) -> None:
        sitk.WriteImage(sitk.GetImageFromArray(scan[0].T), str(target), useCompression=True)

    return _writing(path, write)

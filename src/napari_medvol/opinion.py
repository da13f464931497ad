"""What other engines make of the same files, and how far apart the corners land."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol.affines import apply_affine, corners, swap_lps_ras
from napari_medvol.formats import PathLike, read
from napari_medvol.formats.row import Progress, unheard
from napari_medvol.table import Table
from napari_medvol.volume import Volume

#: Corners this near are the same place: single precision over half a metre.
_SAME_MM: Final = 0.05
_TIMEOUT_S: Final = 600


class Grid(NamedTuple):
    """Shape (i, j, k) and affine to RAS+ mm, as another engine has them."""

    shape: tuple[int, ...]
    affine: NDArray[np.float64]


Engine = Callable[[Volume, Path], Sequence[Grid]]


def second_opinion(path: PathLike, **choices: Any) -> Table:
    """Return where each installed engine puts the corners of each volume, against ours.

    Engines: nibabel (NIfTI and relatives; mosaics through ``nibabel.nicom``), the other of
    sform and qform, SimpleITK, dcm2niix. What is not installed is a row that says so.

    Parameters
    ----------
    path : path
        As for :func:`napari_medvol.read`.
    **choices
        As for :func:`napari_medvol.read`.

    Returns
    -------
    Table
        One row per volume and engine: the largest distance in mm between a corner of ours and
        the nearest corner of theirs, the size of the grid that came nearest, and a verdict.
        Axis order and flips do not count.
    """
    return opinions_on(read(path, **choices))


def opinions_on(volumes: Sequence[Volume], progress: Progress = unheard) -> Table:
    """Return what :func:`second_opinion` does, of volumes as they were read.

    Parameters
    ----------
    volumes : sequence of Volume
    progress : callable, optional
        Told (engines asked, engines in all). What it raises ends the asking.
    """
    rows: list[tuple[Any, ...]] = []
    asked = 0
    for volume in volumes:
        with _alone(volume) as folder:
            for name, engine in ENGINES.items():
                progress(asked, len(volumes) * len(ENGINES))
                asked += 1
                row = _row(volume, folder, engine)
                if row is not None:
                    rows.append((volume.name, name, *row))
    return Table(("volume", "engine", "corners (mm)", "grid", "verdict"), tuple(rows))


def _row(volume: Volume, folder: Path, engine: Engine) -> tuple[Any, ...] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            grids = engine(volume, folder)
    except ImportError as error:
        return None, None, f"not installed ({error.name})"
    except _NotForThisError:
        return None
    except Exception as error:
        # Whatever a foreign program throws is its answer.
        return None, None, f"refuses: {str(error).strip().splitlines()[0][:120]}"
    if not grids:
        return None, None, "gives nothing"
    best = min(grids, key=lambda grid: corner_distance(volume, grid))
    distance = corner_distance(volume, best)
    size = "×".join(str(n) for n in best.shape)
    near = distance <= _SAME_MM
    if sorted(best.shape) == sorted(volume.shape[:3]):
        verdict = "agrees" if near else "disagrees"
    else:
        # The corners of a stack that was stretched over a gap may well be right.
        verdict = "same corners, other voxels" if near else "another grid"
    return round(distance, 4), size, verdict


def corner_distance(volume: Volume, grid: Grid) -> float:
    """Return the largest distance, mm, from a corner of one grid to the nearest of the other."""
    ours = apply_affine(volume.affine, corners(volume.shape[:3]))
    theirs = apply_affine(grid.affine, corners(grid.shape))
    apart = np.linalg.norm(ours[:, None] - theirs[None], axis=2)
    return float(max(apart.min(axis=0).max(), apart.min(axis=1).max()))


class _NotForThisError(Exception):
    """An engine that says nothing of such a file."""


@contextmanager
def _alone(volume: Volume) -> Iterator[Path]:
    """Give a folder with the files of one volume and nothing else.

    An engine that is given a folder reads all of it; links keep that cheap.
    """
    with tempfile.TemporaryDirectory(prefix="medvol-opinion-") as name:
        folder = Path(name)
        for number, file in enumerate(volume.report.files):
            source = Path(file).resolve()
            target = folder / (source.name if _is_named(volume) else f"{number:05d}.dcm")
            try:
                target.symlink_to(source)
            except OSError:
                shutil.copyfile(source, target)
        yield folder


def _is_named(volume: Volume) -> bool:
    """Return whether the files' own names matter: they do not for DICOM."""
    return not _is_dicom(volume)


def _is_dicom(volume: Volume) -> bool:
    return any(row.name == "SOPClassUID" for row in volume.header)


def _of_image(image: Any) -> Grid:
    return Grid(tuple((*image.shape, 1, 1)[:3]), np.asarray(image.affine))


def _nibabel(volume: Volume, folder: Path) -> list[Grid]:
    import nibabel as nib
    from nibabel.nicom.dicomwrappers import wrapper_from_file

    files = sorted(folder.iterdir())
    if not _is_dicom(volume):
        return [_of_image(nib.load(files[0]))]
    wrapper = wrapper_from_file(str(files[0]))
    if len(files) > 1 and not wrapper.is_mosaic:
        # It has the place of each slice but stacks none.
        raise _NotForThisError
    shape = tuple((*wrapper.image_shape, 1)[:3])
    return [Grid(shape, swap_lps_ras(np.asarray(wrapper.affine)))]


def _other_form(volume: Volume, folder: Path) -> list[Grid]:
    """Return the grid by the NIfTI matrix that did not decide."""
    if _is_dicom(volume):
        raise _NotForThisError
    form = "qform" if volume.report.source.startswith("sform") else "sform"
    if not volume.report.source.startswith(("sform", "qform")):
        raise _NotForThisError
    other = [v for v in read(volume.report.files[0], form=form) if v.shape == volume.shape]
    if not other or not other[0].report.source.startswith(form):
        raise _NotForThisError
    return [Grid(other[0].shape[:3], other[0].affine)]


def _simpleitk(volume: Volume, folder: Path) -> list[Grid]:
    import SimpleITK as sitk  # noqa: N813 - its own documentation's name

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    if not _is_dicom(volume):
        return [_of_sitk(sitk.ReadImage(str(min(folder.iterdir()))))]
    grids = []
    for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
        grids.append(_of_sitk(sitk.ReadImage(names if len(names) > 1 else names[0])))
    return grids


def _of_sitk(image: Any) -> Grid:
    size = tuple((*image.GetSize(), 1)[:3])
    n = image.GetDimension()
    lps = np.eye(4)
    direction = np.array(image.GetDirection()).reshape(n, n)[:3, :3]
    k = min(n, 3)
    lps[:k, :k] = direction * np.array(image.GetSpacing())[:3]
    lps[:k, 3] = np.array(image.GetOrigin())[:3]
    return Grid(size, swap_lps_ras(lps))


def _dcm2niix(volume: Volume, folder: Path) -> list[Grid]:
    if not _is_dicom(volume):
        raise _NotForThisError
    program = shutil.which("dcm2niix") or str(Path(sys.executable).with_name("dcm2niix"))
    if not os.access(program, os.X_OK):
        raise ImportError("dcm2niix", name="dcm2niix")
    import nibabel as nib

    with tempfile.TemporaryDirectory(prefix="medvol-dcm2niix-") as out:
        subprocess.run(  # noqa: S603 - a program found by its name, no shell
            [program, "-z", "n", "-b", "n", "-f", "%s_%d", "-o", out, str(folder)],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        return [_of_image(nib.load(path)) for path in sorted(Path(out).glob("*.nii"))]


#: Name to how to ask. Each gives the grids it makes of the files in the folder.
ENGINES: Final[dict[str, Engine]] = {
    "nibabel": _nibabel,
    "other NIfTI form": _other_form,
    "SimpleITK": _simpleitk,
    "dcm2niix": _dcm2niix,
}

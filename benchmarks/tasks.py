"""What is measured: each task imports its libraries first and returns what is timed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

Array = NDArray[Any]
Run = Callable[[], Any]
TASKS: dict[str, Callable[[Path], Run]] = {}

INTERCEPT = np.int16(-1024)


def task(prepare: Callable[[Path], Run]) -> Callable[[Path], Run]:
    """Register a task: what it does before the clock starts returns what is timed."""
    TASKS[prepare.__name__] = prepare
    return prepare


def kji(volume: Array) -> Array:
    """Return (i, j, k, …) as (…, k, j, i): what every reader's digest is taken of."""
    return np.asarray(volume).T


# -- rows 1, 4, 5: a DICOM folder ---------------------------------------------------------


@task
def scan_ours(folder: Path) -> Run:
    import napari_medvol.formats.dicom.reading  # noqa: F401
    from napari_medvol import read

    def run() -> list[str]:
        (volume,) = read(folder)
        return [Path(plane.file).name for plane in volume.report.slices]

    return run


def _sorted_by_position(found: list[tuple[str, Any, Any]]) -> list[str]:
    orientation = np.array(found[0][2], float)
    normal = np.cross(orientation[:3], orientation[3:])
    return [name for _, name in sorted((float(np.dot(normal, p)), name) for name, p, _ in found)]


GEOMETRY = [
    "Rows", "Columns", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient",
    "SeriesInstanceUID", "RescaleSlope", "RescaleIntercept", "InstanceNumber",
]  # fmt: skip


@task
def scan_dicomsdl(folder: Path) -> Run:
    import dicomsdl

    def run() -> list[str]:
        found = []
        for name in os.listdir(folder):
            # Nothing after the rescale elements is needed.
            ds = dicomsdl.open(str(folder / name), load_until=0x00281053)
            values = [getattr(ds, keyword) for keyword in GEOMETRY]
            found.append((name, values[3], values[4]))
        return _sorted_by_position(found)

    return run


@task
def scan_pydicom(folder: Path) -> Run:
    from pydicom import dcmread

    def run() -> list[str]:
        found = []
        for name in os.listdir(folder):
            ds = dcmread(folder / name, stop_before_pixels=True, specific_tags=GEOMETRY)
            found.append((name, ds.ImagePositionPatient, ds.ImageOrientationPatient))
        return _sorted_by_position(found)

    return run


@task
def scan_simpleitk(folder: Path) -> Run:
    import SimpleITK as sitk

    def run() -> list[str]:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
        return [Path(name).name for name in names]

    return run


@task
def scan_limit(folder: Path) -> Run:
    def run() -> None:
        for name in os.listdir(folder):
            descriptor = os.open(folder / name, os.O_RDONLY)
            os.pread(descriptor, 8192, 0)
            os.close(descriptor)

    return run


@task
def middle_ours(folder: Path) -> Run:
    import napari_medvol.formats.dicom.reading  # noqa: F401
    from napari_medvol import read

    def run() -> Array:
        (volume,) = read(folder)
        return kji(volume.data[:, :, volume.shape[2] // 2])

    return run


@task
def middle_dicomsdl(folder: Path) -> Run:
    import dicomsdl

    scan = scan_dicomsdl(folder)

    def run() -> Array:
        names = scan()
        ds = dicomsdl.open(str(folder / names[len(names) // 2]))
        out = np.empty((ds.Rows, ds.Columns), np.uint16)
        ds.copyFrameData(0, out)
        return out.view(np.int16) + INTERCEPT

    return run


@task
def middle_pydicom(folder: Path) -> Run:
    from pydicom import dcmread

    scan = scan_pydicom(folder)

    def run() -> Array:
        names = scan()
        ds = dcmread(folder / names[len(names) // 2])
        return ds.pixel_array.view(np.int16) + INTERCEPT

    return run


@task
def middle_simpleitk(folder: Path) -> Run:
    import SimpleITK as sitk

    def run() -> Array:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
        image = sitk.ReadImage(names[len(names) // 2], sitk.sitkInt16)
        return sitk.GetArrayFromImage(image)[0]

    return run


@task
def middle_limit(folder: Path) -> Run:
    scan = scan_limit(folder)
    names = sorted(os.listdir(folder))

    def run() -> bytes:
        scan()
        return (folder / names[0]).read_bytes()

    return run


@task
def volume_ours(folder: Path) -> Run:
    import napari_medvol.formats.dicom.reading  # noqa: F401
    from napari_medvol import read

    def run() -> Array:
        (volume,) = read(folder)
        return kji(volume.data)

    return run


@task
def volume_dicomsdl(folder: Path) -> Run:
    import dicomsdl

    scan = scan_dicomsdl(folder)

    def run() -> Array:
        names = scan()
        out = np.empty((len(names), 512, 512), np.uint16)
        for name, plane in zip(names, out, strict=True):
            dicomsdl.open(str(folder / name)).copyFrameData(0, plane)
        volume = out.view(np.int16)
        volume += INTERCEPT
        return volume

    return run


@task
def volume_pydicom(folder: Path) -> Run:
    from pydicom import dcmread

    def run() -> Array:
        datasets = [dcmread(folder / name) for name in os.listdir(folder)]
        datasets.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
        out = np.empty((len(datasets), 512, 512), np.int16)
        for ds, plane in zip(datasets, out, strict=True):
            np.add(ds.pixel_array.view(np.int16), INTERCEPT, out=plane)
        return out

    return run


@task
def volume_simpleitk(folder: Path) -> Run:
    import SimpleITK as sitk

    def run() -> Any:
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
        return sitk.ReadImage(names, sitk.sitkInt16)

    # A view of the image's own memory costs nothing, and does not keep the image alive.
    run.digested = sitk.GetArrayViewFromImage  # type: ignore[attr-defined]
    return run


@task
def volume_dcm2niix(folder: Path) -> Run:
    import subprocess

    import dcm2niix
    import nibabel as nib

    with Path(dcm2niix.bin).open("rb") as file:
        assert file.read(4) == b"\x7fELF", "the program itself, not its Python wrapper"

    def run() -> Path:
        target = Path(tempfile.mkdtemp(dir=folder.parent))
        subprocess.run(
            [dcm2niix.bin, "-z", "n", "-b", "n", "-f", "out", "-o", target, folder],
            check=True,
            capture_output=True,
        )
        return target / "out.nii"

    def digested(path: Path) -> Array:
        data = np.asarray(nib.load(path).dataobj)[:, ::-1]
        path.unlink()
        return kji(data)

    run.digested = digested  # type: ignore[attr-defined]
    return run


@task
def volume_limit(folder: Path) -> Run:
    paths = [folder / name for name in os.listdir(folder)]
    out = np.ones(max(path.stat().st_size for path in paths), np.uint8)

    def run() -> None:
        for path in paths:
            with path.open("rb", buffering=0) as file:
                file.readinto(out)

    return run


# -- rows 8 to 12: NIfTI ------------------------------------------------------------------


@task
def slice_ours(path: Path) -> Run:
    import isal.igzip_lib

    import napari_medvol.formats  # noqa: F401
    from napari_medvol import read

    assert isal.igzip_lib

    def run() -> Array:
        (volume,) = read(path)
        return kji(volume.data[:, :, volume.shape[2] // 2])

    return run


def _nibabel(path: Path, *, indexed: bool | None = None) -> Any:
    """Return nibabel's image; with or without indexed_gzip, which is then asserted."""
    import nibabel as nib
    from nibabel import openers

    if indexed is None:
        return nib.load(path)
    openers.HAVE_INDEXED_GZIP = indexed
    image = nib.load(path, keep_file_open=True if indexed else None)
    if indexed:
        import indexed_gzip

        # One voxel, so that the file is opened: any more would read it before its time.
        np.asarray(image.dataobj[(0,) * len(image.shape)])
        opened = image.dataobj._opener.fobj
        assert isinstance(opened, indexed_gzip.IndexedGzipFile), type(opened)
    return image


def _gzip_reader(indexed: bool, part: Callable[[Any], Array]) -> Callable[[Path], Run]:
    def prepare(path: Path) -> Run:
        import nibabel  # noqa: F401

        if indexed:
            import indexed_gzip  # noqa: F401

        return lambda: kji(part(_nibabel(path, indexed=indexed).dataobj))

    return prepare


@task
def slice_nibabel(path: Path) -> Run:
    import nibabel  # noqa: F401

    def run() -> Array:
        dataobj = _nibabel(path).dataobj
        return kji(np.array(dataobj[..., dataobj.shape[2] // 2]))

    return run


def _itk_slice(path: Path) -> Array:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size = list(reader.GetSize())
    reader.SetExtractIndex([0, 0, size[2] // 2])
    reader.SetExtractSize([*size[:2], 1])
    return sitk.GetArrayFromImage(reader.Execute())[0]


@task
def slice_simpleitk(path: Path) -> Run:
    import SimpleITK  # noqa: F401

    return lambda: _itk_slice(path)


def slice_of_middle(dataobj: Any) -> Array:
    return np.asarray(dataobj[..., dataobj.shape[2] // 2])


TASKS["slice_nibabel_gzip"] = _gzip_reader(False, slice_of_middle)
TASKS["slice_nibabel_indexed"] = _gzip_reader(True, slice_of_middle)
TASKS["whole_nibabel_gzip"] = _gzip_reader(False, np.asarray)
TASKS["whole_nibabel_indexed"] = _gzip_reader(True, np.asarray)
TASKS["first_nibabel_gzip"] = _gzip_reader(False, lambda dataobj: np.asarray(dataobj[..., 0]))
TASKS["first_nibabel_indexed"] = _gzip_reader(True, lambda dataobj: np.asarray(dataobj[..., 0]))


@task
def whole_ours(path: Path) -> Run:
    import isal.igzip_lib

    import napari_medvol.formats  # noqa: F401
    from napari_medvol import read

    assert isal.igzip_lib

    def run() -> Array:
        (volume,) = read(path)
        return kji(volume.data)

    return run


@task
def whole_nibabel(path: Path) -> Run:
    import nibabel  # noqa: F401

    # A map of the file reads nothing until it is looked at: the copy makes it.
    return lambda: kji(np.array(np.asarray(_nibabel(path).dataobj)))


@task
def whole_simpleitk(path: Path) -> Run:
    import SimpleITK as sitk

    def run() -> Any:
        return sitk.ReadImage(str(path))

    run.digested = sitk.GetArrayViewFromImage  # type: ignore[attr-defined]
    return run


@task
def whole_limit(path: Path) -> Run:
    # Touched before: the bare reading pays for no memory.
    out = np.ones(path.stat().st_size, np.uint8)

    def run() -> None:
        with path.open("rb", buffering=0) as file:
            file.readinto(out)

    return run


@task
def slice_limit(path: Path) -> Run:
    nbytes = 512 * 512 * 2
    out = np.ones(nbytes, np.uint8)

    def run() -> None:
        with path.open("rb", buffering=0) as file:
            file.read(352)
            file.seek(352 + 87 * nbytes)
            file.readinto(out)

    return run


@task
def inflate_limit(path: Path) -> Run:
    from imagecodecs import gzip_decode

    with path.open("rb") as file:
        file.seek(-4, 2)
        size = int.from_bytes(file.read(4), "little")

    out = bytearray(b"1") * size

    def run() -> Any:
        return gzip_decode(path.read_bytes(), out=out)

    return run


@task
def first_ours(path: Path) -> Run:
    import isal.igzip_lib

    import napari_medvol.formats  # noqa: F401
    from napari_medvol import read

    assert isal.igzip_lib

    def run() -> Array:
        (volume,) = read(path)
        return kji(volume.data[..., 0])

    return run


RANDOM = np.random.default_rng(3).integers(0, 175, 20).tolist()


@task
def random_ours(path: Path) -> Run:
    from napari_medvol import read

    (volume,) = read(path)
    np.asarray(volume.data)
    return lambda: np.stack([np.array(volume.data[:, :, k]).T for k in RANDOM])


@task
def random_nibabel_indexed(path: Path) -> Run:
    dataobj = _nibabel(path, indexed=True).dataobj
    np.asarray(dataobj)
    return lambda: np.stack([np.array(dataobj[:, :, k]).T for k in RANDOM])


@task
def random_limit(path: Path) -> Run:
    whole = np.zeros((175, 512, 512), np.int16)
    return lambda: np.stack([whole[k].copy() for k in RANDOM])


# -- row 16: napari -----------------------------------------------------------------------


def _slider(viewer: Any, layer: Any) -> Run:
    from qtpy.QtWidgets import QApplication

    application = QApplication.instance()
    assert application is not None
    n = layer.data.shape[-3:]

    def run() -> Array:
        shown = []
        for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            viewer.dims.order = order
            axis = order[0]
            for part in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65):
                viewer.dims.set_current_step(axis, int(part * n[axis]))
                application.processEvents()
            # What is on the screen, as the layer holds it.
            shown.append(np.asarray(layer._slice.image.raw).astype(np.int16).ravel())
        return np.concatenate(shown)

    return run


def _viewer() -> Any:
    import napari

    return napari.Viewer(show=True)


@task
def slider_ours(folder: Path) -> Run:
    import napari_medvol

    viewer = _viewer()
    (layer,) = napari_medvol.open(viewer, folder)
    np.asarray(napari_medvol.volume_of(layer).data)
    return _slider(viewer, layer)


#: The voxels from head to feet lie the right way up in napari: I, P, L, in mm.
_IPL = {"scale": (1.0, 0.9765625, 0.9765625), "contrast_limits": (-1000, 1000)}


@task
def slider_numpy(folder: Path) -> Run:
    viewer = _viewer()
    data = np.ascontiguousarray(volume_pydicom(folder)()[::-1])
    return _slider(viewer, viewer.add_image(data, **_IPL))


@task
def slider_dask(folder: Path) -> Run:
    import dask
    import dask.array
    from pydicom import dcmread

    viewer = _viewer()
    names = scan_pydicom(folder)()[::-1]

    @dask.delayed
    def plane(name: str) -> Array:
        return dcmread(folder / name).pixel_array.view(np.int16) + INTERCEPT

    data = dask.array.stack(
        [dask.array.from_delayed(plane(name), (512, 512), np.int16) for name in names]
    )
    return _slider(viewer, viewer.add_image(data, **_IPL))


# -- row 21: what the plugin costs at napari's start --------------------------------------


@task
def start_ours(path: Path) -> Run:
    from npe2 import PluginManifest

    def run() -> None:
        # All that napari does with a plugin that nobody has used yet.
        PluginManifest.from_file(ROOT / "napari.yaml")

    return run


@task
def sniff_ours(path: Path) -> Run:
    def run() -> None:
        from napari_medvol.formats import format_of

        assert format_of("scan.nii.gz") is not None

    return run


@task
def start_pydicom(path: Path) -> Run:
    def run() -> None:
        import pydicom  # noqa: F401

    return run


@task
def start_nibabel(path: Path) -> Run:
    def run() -> None:
        import nibabel  # noqa: F401

    return run

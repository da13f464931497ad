"""What may come of a damaged scan: right, told in words, or refused in words."""

from __future__ import annotations

import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from napari_medvol import MedVolError, Volume, read
from napari_medvol.formats.dicom import walk
from napari_medvol.formats.dicom.files import OpenFile
from napari_medvol.formats.dicom.parsing import read_header
from tests.formats.dicom.hostile.sources import quiet
from tests.formats.dicom.test_header import assert_same, pydicom_says
from tests.phantoms import dicom as phantom

#: What one mutant may take.
SECONDS = 5.0


class TooSlowError(BaseException):
    """Not an Exception: nobody may swallow it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def complaints(folder: Path, usual: frozenset[str] = frozenset()) -> tuple[str, list[str]]:
    """Return what came of a folder (``"refused"``, ``"said"``, ``"opened"``), and the faults.

    Parameters
    ----------
    folder : Path
    usual : set of str
        Findings that the undamaged files have too: they are no word about the damage.
    """
    begun = time.perf_counter()
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("error")
            volumes = read(folder)
            arrays = [np.asarray(volume.data) for volume in volumes]
    except TooSlowError:
        return "hang", [f"took longer than {SECONDS} s"]
    except MedVolError as error:
        without = not error.why.strip() or "Traceback" in str(error)
        return "refused", [f"an error without words: {str(error)!r}"] * without
    except Exception as error:  # the very thing that is looked for
        return "crash", [f"{type(error).__name__}: {error} {_where(error)}"]
    took = time.perf_counter() - begun
    faults = [f"took {took:.1f} s"] * (took > SECONDS)
    with quiet(), time_limit(60):
        faults += [fault for path in folder.rglob("*") for fault in _header_faults(path)]
        for volume, array in zip(volumes, arrays, strict=True):
            faults += _unsound(volume, array)
        if {f.text for v in volumes for f in v.report.findings} - usual:
            return "said", faults
        for volume, array in zip(volumes, arrays, strict=True):
            faults += _against_pydicom(volume, array)
    return "opened", faults


def _unsound(volume: Volume, array: Any) -> list[str]:
    faults = []
    if array.shape != volume.shape or array.dtype != volume.dtype:
        faults.append(f"{volume.shape} {volume.dtype} became {array.shape} {array.dtype}")
    if not np.isfinite(volume.affine).all():
        faults.append("the affine is not finite")
    return faults


def _header_faults(path: Path) -> list[str]:
    """Return where the walk says what pydicom does not; nothing where either gives up."""
    try:
        with OpenFile(path) as file:
            walk.read(file, file.read_at(8192, 0))
        header = read_header(path)
        pydicom_says(path)
    except Exception:
        return []
    if header is None:
        return []
    try:
        assert_same(header, path)
    except AssertionError as error:
        return [f"{path.name}: the walk is not pydicom: {str(error).splitlines()[:1]}"]
    return []


def _where(error: BaseException) -> str:
    trace, last = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "napari_medvol" in code.co_filename:
            last = f"[{Path(code.co_filename).name}:{trace.tb_lineno}]"
        trace = trace.tb_next
    return last


def _against_pydicom(volume: Volume, array: Any) -> list[str]:
    """Return where an image that was opened without a word is not what pydicom reads."""
    if volume.kind != "image" or volume.report.source.startswith("Plane"):
        return []
    faults = []
    known: dict[str, Any] = {}
    for one in volume.report.slices:
        if not one.file:
            continue
        if one.file not in known:
            known[one.file] = _pydicom(Path(one.file))
        ds, pixels = known[one.file]
        if ds is None or "MOSAIC" in str(ds.get("ImageType")):
            continue
        try:
            faults += _place_faults(volume, one, ds)
            real = _real(ds, pixels, one.frame)
        except (AttributeError, TypeError, ValueError, IndexError):
            continue  # nothing that pydicom could be asked for
        if real is not None and not volume.is_rgb:
            plane = array[(slice(None), slice(None), *one.plane)].T
            faults += _value_faults(plane, real, one)
    return faults[:3]


def _pydicom(path: Path) -> tuple[Any, Any]:
    """Return the dataset and its pixels; None for what pydicom refuses."""
    try:
        ds = pydicom.dcmread(path, force=True)
        list(ds.iterall())
    except Exception:
        return None, None
    try:
        # Other decoders than its own may end the process when they meet a damaged stream.
        plain = ds.file_meta.get("TransferSyntaxUID") in (*phantom.NATIVE, phantom.RLE)
        ds.pixel_array_options(decoding_plugin="pydicom" if "RLE" in str(_syntax(ds)) else "")
        pixels = ds.pixel_array if plain else None
    except Exception:
        return ds, None
    return ds, pixels


def _syntax(ds: Any) -> str:
    return ds.file_meta.TransferSyntaxUID.name


def _functional(ds: Any, frame: int, group_: str, keyword: str) -> Any:
    for holder in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        items = ds.get(holder) or []
        index = frame if holder.startswith("Per") else 0
        if index < len(items) and items[index].get(group_):
            value = items[index][group_][0].get(keyword)
            if value is not None:
                return value
    return ds.get(keyword)


#: Its values are those of its mapping, which pydicom does not apply.
_PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"


def _real(ds: Any, pixels: Any, frame: int) -> Any:
    if pixels is None or ds.get("SOPClassUID") == _PARAMETRIC_MAP:
        return None
    plane = pixels[frame] if int(ds.get("NumberOfFrames") or 1) > 1 else pixels
    if plane.ndim != 2 or ds.get("PhotometricInterpretation") not in (
        "MONOCHROME2",
        "MONOCHROME1",
    ):
        return None
    transform = "PixelValueTransformationSequence"
    slope = _functional(ds, frame, transform, "RescaleSlope")
    if "GridFrameOffsetVector" in ds and "DoseGridScaling" in ds:
        slope = ds.DoseGridScaling
    intercept = _functional(ds, frame, transform, "RescaleIntercept")
    try:
        slope = 1.0 if slope in (None, "") else float(slope)
        intercept = 0.0 if intercept in (None, "") else float(intercept)
    except (TypeError, ValueError):
        return None
    return plane * slope + intercept


def _value_faults(ours: Any, theirs: Any, one: Any) -> list[str]:
    if ours.shape != theirs.shape:
        return [f"{Path(one.file).name}: {ours.shape}, pydicom has {theirs.shape}"]
    tolerance = 1e-5 * np.abs(theirs).max(initial=1.0)
    if np.allclose(ours, theirs, atol=tolerance, rtol=1e-5, equal_nan=True):
        return []
    return [f"{Path(one.file).name}: values {ours.flat[:3]}, pydicom has {theirs.flat[:3]}"]


def _place_faults(volume: Volume, one: Any, ds: Any) -> list[str]:
    spacing = _functional(ds, one.frame, "PixelMeasuresSequence", "PixelSpacing")
    faults = []
    position = _functional(ds, one.frame, "PlanePositionSequence", "ImagePositionPatient")
    if position is None or len(position) != 3 or not volume.report.spacing:
        return []
    if spacing is not None and len(spacing) == 2:
        theirs = [float(spacing[1]), float(spacing[0])]
        if not np.allclose(volume.zooms[:2], theirs, rtol=2e-3):
            faults.append(f"{Path(one.file).name}: zooms {volume.zooms[:2]}, pydicom {theirs}")
    lps = np.array([float(p) for p in position])
    if "GridFrameOffsetVector" in ds:
        offsets = [float(v) for v in np.atleast_1d(ds.GridFrameOffsetVector)]
        cosines = np.array([float(v) for v in ds.ImageOrientationPatient])
        lps += (offsets[one.frame] - offsets[0]) * np.cross(cosines[:3], cosines[3:])
    at = (volume.affine @ [0, 0, one.plane[0], 1])[:3]
    off = np.linalg.norm(at - lps * (-1, -1, 1))
    if not off <= 0.06:
        faults.append(f"{Path(one.file).name}: {off:.3f} mm from where pydicom has it")
    return faults

"""The header of a NIfTI file that is to be written: the source's own, brought up to date."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.errors import WriteError
from napari_medvol.formats.nifti.geometry import FORM_NAMES, from_sizes, grid_of, qform_of
from napari_medvol.formats.nifti.header import NiftiHeader
from napari_medvol.formats.saving.certificate import CORNERS_WITHIN
from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.encoding import Encoding
from napari_medvol.recipe import KEEPS_AXES, KEEPS_WORLD
from napari_medvol.volume import Axis, Volume

#: Time part of ``xyzt_units`` by the unit of an axis, and how many of it are in one file unit.
_TIMES: Final = {
    "s": {8: 1.0, 16: 1e-3, 24: 1e-6},
    "ms": {16: 1.0},
    "µs": {24: 1.0},
    "us": {24: 1.0},
    "Hz": {32: 1.0},
    "ppm": {40: 1.0},
    "rad/s": {48: 1.0},
}
#: Spatial part of ``xyzt_units`` to its length in mm; 0 counts as mm.
_LENGTHS: Final = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
_MM: Final = 2

_CODES: Final = {name: code for code, name in FORM_NAMES.items()}
#: nifti1.h: 16 bits an axis.
_LONGEST_IN_1: Final = 32767
_MOST_AXES: Final = 7

#: mm. A qform that leads further off than this is not trusted with the grid alone.
_QFORM_WITHIN: Final = 2e-4
#: Cosine of the angle between voxel axes up to which a quaternion describes them.
_ORTHOGONAL: Final = 1e-5


def header_for(
    volume: Volume, encoding: Encoding, choices: WriteChoices, is_pair: bool
) -> tuple[Any, tuple[str, ...]]:
    """Return a little-endian nibabel header without ``vox_offset``, and notes for people.

    Raises
    ------
    WriteError
        If the volume has more axes than NIfTI, or longer ones than version 1.
    """
    native = volume.native if isinstance(volume.native, NiftiHeader) else None
    shape = volume.shape[: len(volume.shape) - volume.is_rgb]
    _check_shape(volume, shape)
    header = _begun(native, _version(volume, native, shape, choices), is_pair)
    header["dim"] = [len(shape), *shape, *[1] * (7 - len(shape))]
    _set_type(header, volume, encoding)
    _set_axes(header, volume, native)
    notes = _set_place(header, volume, native, choices)
    limits = volume.display.limits
    header["cal_min"], header["cal_max"] = limits or (0.0, 0.0)
    _forget_stale(header, volume)
    return header, notes


def _check_shape(volume: Volume, shape: tuple[int, ...]) -> None:
    if len(shape) > _MOST_AXES:
        why = f"NIfTI has {_MOST_AXES} axes, {len(shape)} are to be written"
        raise WriteError(volume.name or "volume", why, "Write its parts apart")


def _version(
    volume: Volume, native: NiftiHeader | None, shape: tuple[int, ...], choices: WriteChoices
) -> int:
    needed = 2 if max(shape) > _LONGEST_IN_1 else 1
    if choices.version is not None and choices.version < needed:
        why = f"NIfTI-1 has axes of at most {_LONGEST_IN_1} voxels, one here has {max(shape)}"
        raise WriteError(volume.name or "volume", why, "Ask for version=2")
    return choices.version or max(needed, native.version if native else 1)


def _begun(native: NiftiHeader | None, version: int, is_pair: bool) -> Any:
    """Return the source's header in the version asked for, or an empty one."""
    from nibabel.nifti1 import Nifti1Header, Nifti1PairHeader
    from nibabel.nifti2 import Nifti2Header, Nifti2PairHeader

    pair, single = (
        (Nifti1PairHeader, Nifti1Header) if version == 1 else (Nifti2PairHeader, Nifti2Header)
    )
    kind = pair if is_pair else single
    header = kind(endianness="<")  # type: ignore[no-untyped-call]
    if native is None:
        return header
    kept = [n for n in native.fields if n in header.structarr.dtype.names]
    for name in kept:
        if name not in ("sizeof_hdr", "magic", "vox_offset", "unused_str"):
            header[name] = native[name]
    return header


def _set_type(header: Any, volume: Volume, encoding: Encoding) -> None:
    if volume.is_rgb:
        header["datatype"], header["bitpix"] = {3: (128, 24), 4: (2304, 32)}[volume.shape[-1]]
    else:
        header.set_data_dtype(encoding.dtype)
        header["bitpix"] = encoding.dtype.itemsize * 8
    slope = float(header["scl_slope"])
    says_none = slope == 0 or not np.isfinite(slope)
    if encoding.is_scaled or not says_none:
        header["scl_slope"], header["scl_inter"] = encoding.slope, encoding.intercept


def _set_axes(header: Any, volume: Volume, native: NiftiHeader | None) -> None:
    """Set steps and units of space, time and what follows."""
    extra = [axis for axis in volume.axes if axis.name != "rgb"]
    length = native["xyzt_units"] & 0x07 if native else _MM
    if length not in _LENGTHS:
        length = _MM
    time, per_unit = _time_of(extra[0] if extra else None, native)
    header["xyzt_units"] = length | time
    steps = [axis.step for axis in extra]
    if extra and not _counts(extra[0]):
        steps[0] /= per_unit
        header["toffset"] = extra[0].start / per_unit
    elif extra:
        header["toffset"] = 0.0
    sizes = header["pixdim"].copy()
    sizes[4 : 4 + len(steps)] = steps
    # What the file said of steps that nobody changed stays to the last bit.
    kept = np.isclose(sizes, header["pixdim"], rtol=1e-6, atol=0)
    header["pixdim"] = np.where(kept, header["pixdim"], sizes)


def _counts(axis: Axis) -> bool:
    return not axis.unit


def _time_of(axis: Axis | None, native: NiftiHeader | None) -> tuple[int, float]:
    """Return the code of the fourth axis' unit, the source's own where it means the same."""
    units = _TIMES.get(axis.unit, {}) if axis else {}
    own = native["xyzt_units"] & 0x38 if native else 0
    if own in units or (native and axis is None):
        return own, units.get(own, 1.0)
    return next(iter(units.items()), (0, 1.0))


def _set_place(
    header: Any, volume: Volume, native: NiftiHeader | None, choices: WriteChoices
) -> tuple[str, ...]:
    """Set qform, sform, their codes and the voxel sizes."""
    if native is not None and choices.codes == "auto" and _is_in_place(volume, native):
        return ()
    factor = _LENGTHS.get(int(header["xyzt_units"]) & 0x07, 1.0)
    q_code, s_code, qform, notes = _forms(native, volume, choices)
    # Readers go by the sform if it has a code, else by the qform: that one is the volume's place.
    sform = np.asarray(volume.affine)
    is_orthogonal = _is_orthogonal(qform)
    if q_code and not is_orthogonal:
        if choices.codes != "auto":
            notes += ("the grid is sheared, which no qform describes: its code is unknown",)
        q_code = 0
        s_code = s_code or 1
    _set_qform(header, qform, q_code, factor, is_orthogonal)
    if not q_code:
        header["pixdim"][1:4] = affines.zooms(volume.affine) / factor
    elif not s_code:
        said = qform_of(header, header["pixdim"][1:4] * factor, factor, [])
        kept = affines.corner_displacement(said, qform, volume.shape)
        if kept > _QFORM_WITHIN:
            # The quaternion's fourth number is the root of what three of 32 bits leave of 1.
            s_code = q_code
            notes += (f"32 bits of a qform lead {kept:.2g} mm astray: an sform was added",)
    if s_code or native is None:
        header.set_sform(_from_mm(sform, factor) if s_code else None, code=s_code)
    else:
        header["sform_code"] = 0
    return notes


def _forms(
    native: NiftiHeader | None, volume: Volume, choices: WriteChoices
) -> tuple[int, int, Affine, tuple[str, ...]]:
    """Return the codes of qform and sform, the qform in mm, and notes for people."""
    q_code, s_code, notes = _codes(native, volume, choices)
    if not s_code:
        return q_code, s_code, np.asarray(volume.affine), notes
    qform, off = _other_forms(volume, native)
    if off > CORNERS_WITHIN:
        if (choices.codes if isinstance(choices.codes, str) else choices.codes[1]) == "auto":
            s_code = q_code or 2  # the sform's own code says what it led to, not what it does
        notes += (f"the sform led {off:.4g} mm elsewhere; it was set to the place of the volume",)
    return q_code, s_code, qform, notes


def _is_in_place(volume: Volume, native: NiftiHeader) -> bool:
    """Whether the grid is still the one of the file, so that its numbers can stay as they are."""
    shape = tuple(int(n) for n in native["dim"][1 : min(native["dim"][0], 3) + 1])
    if volume.shape[:3] != shape + (1,) * (3 - len(shape)):
        return False
    grid = grid_of(native, volume.shape, _form(volume), volume.name)
    is_default = _form(volume) == grid_of(native, volume.shape, "auto", volume.name).form
    return is_default and affines.corner_displacement(grid.affine, volume.affine, shape) < 1e-9


def _set_qform(header: Any, qform: Affine, code: int, factor: float, is_orthogonal: bool) -> None:
    if is_orthogonal:
        # nibabel sets the voxel sizes to those of this matrix: NIfTI has them for it alone.
        header.set_qform(_from_mm(qform, factor), code=code)
    else:
        header["qform_code"] = 0
        header["pixdim"][0] = header["pixdim"][0] or 1.0


def _from_mm(affine: Affine, factor: float) -> Affine:
    return np.diag([1 / factor] * 3 + [1.0]) @ affine


def _is_orthogonal(affine: Affine) -> bool:
    cosines = affine[:3, :3] / affines.zooms(affine)
    return bool(np.abs(cosines.T @ cosines - np.eye(3)).max() < _ORTHOGONAL)


def _other_forms(volume: Volume, native: NiftiHeader | None) -> tuple[Affine, float]:
    """Return the qform, mm, and how far off the sform of the source lies, mm.

    A crop or a turn moves both forms alike, a move only the one world there is afterwards.
    """
    affine = np.asarray(volume.affine)
    ops = {step.op for step in volume.history}
    if native is None or not ops <= KEEPS_WORLD:
        return affine, 0.0
    shape = tuple(int(n) for n in native["dim"][1:4])
    grid = grid_of(native, shape, _form(volume), volume.name)
    was = np.linalg.inv(grid.affine) @ affine
    off = 0.0
    if grid.sform is not None and native["sform_code"] > 0:
        off = affines.corner_displacement(grid.sform @ was, affine, volume.shape)
    if grid.form == "qform" or grid.qform is None or grid.sform is None:
        return affine, off
    return grid.qform @ was, off


def _form(volume: Volume) -> str:
    used = [name for name, _ in volume.report.used if name in ("sform", "qform", "pixdim")]
    return used[0] if used else "auto"


def _codes(
    native: NiftiHeader | None, volume: Volume, choices: WriteChoices
) -> tuple[int, int, tuple[str, ...]]:
    """Return the codes of qform and sform that are asked for, and notes for people."""
    asked = choices.codes if isinstance(choices.codes, tuple) else (choices.codes,) * 2
    q_auto, s_auto, notes = _usual_codes(native, volume)
    if asked == ("auto", "auto"):
        return q_auto, s_auto, notes
    q_code, s_code = (
        usual if name == "auto" else _CODES[name]
        for name, usual in zip(asked, (q_auto, s_auto), strict=True)
    )
    if not q_code and not s_code and "auto" in asked:
        # The source had the other one alone: its code says what this one leads to as well.
        kept = q_auto or s_auto
        return (kept, 0, ()) if asked[0] == "auto" else (0, kept, ())
    if not q_code and not s_code:
        _refuse_nowhere(volume)
        return 0, 0, ("without a code, readers guess where the volume lies",)
    return q_code, s_code, ()


def _usual_codes(native: NiftiHeader | None, volume: Volume) -> tuple[int, int, tuple[str, ...]]:
    """Return the codes that the source had, or what fits where it had none."""
    if native is None:
        code = 1 if volume.native is not None or volume.frame_of_reference else 2
        return code, code, ()
    q_code, s_code = int(native["qform_code"]), int(native["sform_code"])
    if q_code > 0 or s_code > 0:
        return max(q_code, 0), max(s_code, 0), ()
    if not volume.history and _guessed_off(volume) <= CORNERS_WITHIN:
        return 0, 0, ()
    return 0, 2, ("the source says nothing about its place; the assumed one was written",)


def _guessed_off(volume: Volume) -> float:
    """Return how far from its place a volume is for readers of voxel sizes alone, mm."""
    guess = from_sizes(volume.shape, affines.zooms(volume.affine))
    return affines.corner_displacement(guess, volume.affine, volume.shape)


def _refuse_nowhere(volume: Volume) -> None:
    """Refuse to leave the place to readers who would put it elsewhere: nifti1.h, METHOD 1."""
    off = _guessed_off(volume)
    if off > CORNERS_WITHIN:
        raise WriteError(
            volume.name or "volume",
            "with qform and sform both unknown, readers place it by its voxel sizes alone:"
            f" it would lie up to {off:.4g} mm off, and perhaps mirrored",
            "Keep one of the two, as in codes=unknown,auto",
        )


def _forget_stale(header: Any, volume: Volume) -> None:
    """Clear what is said of axes that are no longer those of the source."""
    ops = {step.op for step in volume.history}
    if ops:
        for name in ("slice_start", "slice_end", "slice_code", "slice_duration"):
            header[name] = 0
    if not ops <= KEEPS_AXES:
        header["dim_info"] = 0

"""The 348 or 540 bytes at the front of a NIfTI file, read as they are.

Field names and meanings: nifti1.h and nifti2.h, https://nifti.nimh.nih.gov.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from napari_medvol.affines import checked_affine
from napari_medvol.errors import GeometryError, ReadError, StepError
from napari_medvol.formats.streams import ends_early, head_of
from napari_medvol.report import Finding

_NIFTI1: Final = np.dtype(
    [
        ("sizeof_hdr", "<i4"),
        ("data_type", "S10"),
        ("db_name", "S18"),
        ("extents", "<i4"),
        ("session_error", "<i2"),
        ("regular", "S1"),
        ("dim_info", "u1"),
        ("dim", "<i2", (8,)),
        ("intent_p1", "<f4"),
        ("intent_p2", "<f4"),
        ("intent_p3", "<f4"),
        ("intent_code", "<i2"),
        ("datatype", "<i2"),
        ("bitpix", "<i2"),
        ("slice_start", "<i2"),
        ("pixdim", "<f4", (8,)),
        ("vox_offset", "<f4"),
        ("scl_slope", "<f4"),
        ("scl_inter", "<f4"),
        ("slice_end", "<i2"),
        ("slice_code", "u1"),
        ("xyzt_units", "u1"),
        ("cal_max", "<f4"),
        ("cal_min", "<f4"),
        ("slice_duration", "<f4"),
        ("toffset", "<f4"),
        ("glmax", "<i4"),
        ("glmin", "<i4"),
        ("descrip", "S80"),
        ("aux_file", "S24"),
        ("qform_code", "<i2"),
        ("sform_code", "<i2"),
        ("quatern_b", "<f4"),
        ("quatern_c", "<f4"),
        ("quatern_d", "<f4"),
        ("qoffset_x", "<f4"),
        ("qoffset_y", "<f4"),
        ("qoffset_z", "<f4"),
        ("srow_x", "<f4", (4,)),
        ("srow_y", "<f4", (4,)),
        ("srow_z", "<f4", (4,)),
        ("intent_name", "S16"),
        ("magic", "S4"),
    ]
)
_NIFTI2: Final = np.dtype(
    [
        ("sizeof_hdr", "<i4"),
        ("magic", "S8"),
        ("datatype", "<i2"),
        ("bitpix", "<i2"),
        ("dim", "<i8", (8,)),
        ("intent_p1", "<f8"),
        ("intent_p2", "<f8"),
        ("intent_p3", "<f8"),
        ("pixdim", "<f8", (8,)),
        ("vox_offset", "<i8"),
        ("scl_slope", "<f8"),
        ("scl_inter", "<f8"),
        ("cal_max", "<f8"),
        ("cal_min", "<f8"),
        ("slice_duration", "<f8"),
        ("toffset", "<f8"),
        ("slice_start", "<i8"),
        ("slice_end", "<i8"),
        ("descrip", "S80"),
        ("aux_file", "S24"),
        ("qform_code", "<i4"),
        ("sform_code", "<i4"),
        ("quatern_b", "<f8"),
        ("quatern_c", "<f8"),
        ("quatern_d", "<f8"),
        ("qoffset_x", "<f8"),
        ("qoffset_y", "<f8"),
        ("qoffset_z", "<f8"),
        ("srow_x", "<f8", (4,)),
        ("srow_y", "<f8", (4,)),
        ("srow_z", "<f8", (4,)),
        ("slice_code", "<i4"),
        ("xyzt_units", "<i4"),
        ("intent_code", "<i4"),
        ("intent_name", "S16"),
        ("dim_info", "u1"),
        ("unused_str", "S15"),
    ]
)

ByteOrder = Literal["<", ">"]

#: Enough of any file to know it by.
HEAD_SIZE: Final = _NIFTI2.itemsize + 4


class Extension(NamedTuple):
    """One header extension: its registered code and its bytes, padding included."""

    code: int
    content: bytes


@dataclass(frozen=True, slots=True)
class NiftiHeader:
    """A NIfTI header as the file has it.

    Parameters
    ----------
    raw : bytes
        The 348 (NIfTI-1) or 540 (NIfTI-2) bytes.
    byte_order : {"<", ">"}
    version : {1, 2}
    is_pair : bool
        Whether the voxels are in a file of their own (``.hdr`` and ``.img``).
    fields : mapping
        Field name to int, float, bytes or tuple.
    extensions : tuple of Extension
    """

    raw: bytes
    byte_order: ByteOrder
    version: int
    is_pair: bool
    fields: Mapping[str, Any]
    extensions: tuple[Extension, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return one field."""
        return self.fields[name]

    def text(self, name: str) -> str:
        """Return a text field up to its first zero byte."""
        content: bytes = self.fields[name]
        return readable(content.split(b"\0")[0])

    def without_qform(self, name: str) -> NiftiHeader:
        """Return the header with ``qform_code`` 0, unknown; every other byte stays.

        Parameters
        ----------
        name : str
            How the error names the scan.

        Raises
        ------
        StepError
            If the qform is unknown already, or no sform would place the voxels without it.
        """
        what, fix = f"qform of {name!r}", "Choose a NIfTI scan with both forms"
        if self["qform_code"] <= 0:
            raise StepError(what, "its qform is unknown already", fix)
        rows = [self[f"srow_{axis}"] for axis in "xyz"]
        try:
            checked_affine(np.array([*rows, (0, 0, 0, 1)], dtype=np.float64), name)
            is_placed = self["sform_code"] > 0
        except GeometryError:
            is_placed = False
        if not is_placed:
            why = "no sform places it: without the qform it would lie nowhere"
            raise StepError(what, why, fix)
        raw, (at, kind) = bytearray(self.raw), _field_offset(self, "qform_code")
        raw[at : at + kind.itemsize] = np.zeros(1, kind).tobytes()
        fields = MappingProxyType({**self.fields, "qform_code": 0})
        return replace(self, raw=bytes(raw), fields=fields)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle through a plain dict: a mapping proxy does not pickle."""
        rest = (self.raw, self.byte_order, self.version, self.is_pair)
        return _unpickled, (*rest, dict(self.fields), self.extensions)


def _unpickled(
    raw: bytes,
    byte_order: ByteOrder,
    version: int,
    is_pair: bool,
    fields: dict[str, Any],
    extensions: tuple[Extension, ...],
) -> NiftiHeader:
    return NiftiHeader(raw, byte_order, version, is_pair, MappingProxyType(fields), extensions)


def readable(content: bytes) -> str:
    """Return text of unknown encoding: UTF-8 if it is valid, else Latin-1."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def is_nifti(head: bytes) -> bool:
    """Return whether a file that begins with `head` is NIfTI, single or pair, version 1 or 2."""
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def read_header(path: Path, is_pair: bool) -> tuple[NiftiHeader, list[Finding]]:
    """Return the header at the front of `path`, plain or compressed, and what is odd in it.

    Raises
    ------
    ReadError
        If the file is empty, too short, or no NIfTI.
    """
    head = head_of(path, HEAD_SIZE)
    if len(head) < _NIFTI1.itemsize:
        raise _too_short(path, len(head), _NIFTI1.itemsize)
    order, version, findings = _kind_of(path, head)
    form = (_NIFTI1 if version == 1 else _NIFTI2).newbyteorder(order)
    if len(head) < form.itemsize:
        raise _too_short(path, len(head), form.itemsize)
    (values,) = np.frombuffer(head, form, 1).tolist()
    fields = {name: _plain(v) for name, v in zip(form.names or (), values, strict=True)}
    raw = head[: form.itemsize]
    extensions: tuple[Extension, ...] = ()
    if head[form.itemsize : form.itemsize + 1] not in (b"", b"\0"):
        extensions = _extensions(path, fields, form.itemsize + 4, order, is_pair, findings)
    header = NiftiHeader(raw, order, version, is_pair, MappingProxyType(fields), extensions)
    return header, findings


def _too_short(path: Path, found: int, needed: int) -> ReadError:
    early = ends_early(path, needed)
    if early is not None:
        return early
    if not found:
        return ReadError(str(path), "the file is empty (0 bytes)", "Copy or download it again")
    why = f"a NIfTI header takes {needed} bytes, {found} were found"
    return ReadError(str(path), why, "Copy or download the file again")


def _field_offset(header: NiftiHeader, name: str) -> tuple[int, np.dtype[Any]]:
    """Return the byte of the header at which a field begins, and its type in the file."""
    form = (_NIFTI1 if header.version == 1 else _NIFTI2).newbyteorder(header.byte_order)
    assert form.fields is not None
    kind, at = form.fields[name][:2]
    return int(at), kind


def _kind_of(path: Path, head: bytes) -> tuple[ByteOrder, int, list[Finding]]:
    """Return byte order and version, by sizeof_hdr or else by the magic and dim[0]."""
    order: ByteOrder
    for order in ("<", ">"):
        size = int(np.frombuffer(head, f"{order}i4", 1)[0])
        if size in (348, 540) and (is_nifti(head) or size == 540):
            return order, 1 if size == 348 else 2, []
    if not is_nifti(head):
        raise ReadError(
            str(path), "the file is not NIfTI: its header has no NIfTI magic", "Check its name"
        )
    version = 1 if head[344:347] in (b"n+1", b"ni1") else 2
    at, code = (40, "i2") if version == 1 else (16, "i8")
    order = "<" if 1 <= int(np.frombuffer(head, f"<{code}", 1, at)[0]) <= 7 else ">"
    found = int(np.frombuffer(head, f"{order}i4", 1)[0])
    text = f"sizeof_hdr is {found}, not 348 or 540; the file's magic was trusted instead"
    return order, version, [Finding(text, kind="sizeof_hdr")]


def _plain(value: Any) -> Any:
    return tuple(value.tolist()) if isinstance(value, np.ndarray) else value


def _extensions(
    path: Path,
    fields: Mapping[str, Any],
    start: int,
    order: str,
    is_pair: bool,
    findings: list[Finding],
) -> tuple[Extension, ...]:
    """Read the chain of extensions between the header and the voxels."""
    offset = fields["vox_offset"]
    if is_pair:
        offset = _MOST_EXTENSION_BYTES
    elif not np.isfinite(offset) or offset <= start:
        return ()
    content = head_of(path, min(int(offset), _MOST_EXTENSION_BYTES))
    found: list[Extension] = []
    at = start
    while at + 8 <= len(content):
        size, code = (int(n) for n in np.frombuffer(content, f"{order}i4", 2, at))
        if size == 0 and not any(content[at:]):
            break
        if size < 8 or at + size > len(content):
            text = (
                f"header extension {len(found) + 1} says that it takes {size} bytes where"
                f" {len(content) - at} are left; it and what follows were not read"
            )
            findings.append(Finding(text, kind="extension"))
            break
        if size % 16:
            text = f"header extension {len(found) + 1} takes {size} bytes, not a multiple of 16"
            findings.append(Finding(text, "note", "extension"))
        found.append(Extension(code, content[at + 8 : at + size]))
        at += size
    return tuple(found)


_MOST_EXTENSION_BYTES: Final = 1 << 26

"""MGH and Analyze: nibabel reads the header, the voxels lie in one block with one scale."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import ReadError
from napari_medvol.formats.by_nibabel.opened import Opened, rows_of
from napari_medvol.formats.planes import (
    Layout,
    Scale,
    lazy_block,
    scaled_dtype,
)
from napari_medvol.formats.streams import (
    CompressedStream,
    compression_of,
    head_of,
    read_exactly,
)
from napari_medvol.report import Finding
from napari_medvol.volume import Axis

#: Bytes of an Analyze header (SPM's is the same).
ANALYZE_SIZE: Final = 348

#: MGH: bytes of the header, where the voxels begin, bytes behind them; place of a field.
_MGH_HEADER_SIZE: Final = 90
_MGH_OFFSET: Final = 284
_MGH_FOOTER_SIZE: Final = 20
_GOOD_RAS_FLAG: Final = 28


def open_mgh(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open MGH or MGZ. Its TR, TE and TI are in ms, behind the voxels."""
    from nibabel.freesurfer.mghformat import MGHHeader

    head = head_of(image_path, _MGH_OFFSET).ljust(_MGH_OFFSET, b"\0")
    header = MGHHeader(head[:_MGH_HEADER_SIZE])
    if (header["dims"] < 1).any():
        raise ReadError(
            str(image_path),
            f"its header is damaged: the lengths of its axes are {header['dims'].tolist()}",
            "Copy or download the file again",
        )
    data = _block(image_path, header.get_data_shape(), header.get_data_dtype(), _MGH_OFFSET)
    footer = _mgh_footer(image_path, _MGH_OFFSET + data.nbytes)
    header = MGHHeader(head[:_MGH_HEADER_SIZE] + footer)
    findings = []
    if not head[_GOOD_RAS_FLAG] and not head[_GOOD_RAS_FLAG + 1]:
        # FreeSurfer's MRI_CORONAL: rows are the directions of i, j and k. nibabel's default
        # is the transpose.
        header["Mdc"] = [[-1, 0, 0], [0, 0, -1], [0, 1, 0]]
        text = (
            "there is no orientation in the file (goodRASFlag is 0): FreeSurfer's coronal"
            " default was taken, left and right cannot be told"
        )
        findings.append(Finding(text, kind="no orientation"))
    units = {"tr": "ms", "te": "ms", "ti": "ms", "flip_angle": "rad"}
    rows = [row._replace(unit=units.get(row.name, "")) for row in rows_of("MGH header", header)]
    repetition = float(header["tr"])
    time = Axis("t", step=repetition / 1000, unit="s") if repetition > 0 else Axis("t")
    source, files = "vox2ras (Mdc, delta, Pxyz_c)", (image_path,)
    axes = (time,) if data.ndim == 4 else ()
    return Opened(data, header.get_affine(), source, header, files, axes, rows, findings)


def _mgh_footer(path: Path, offset: int) -> bytes:
    """Return the five numbers behind the voxels, or as many zeros as are not there."""
    kind = compression_of(path)
    try:
        if kind:
            stream = CompressedStream(path, kind)
            stream.skip(offset)
            return stream.read(_MGH_FOOTER_SIZE).ljust(_MGH_FOOTER_SIZE, b"\0")
        footer = bytearray(_MGH_FOOTER_SIZE)
        read_exactly(path, offset, memoryview(footer))
        return bytes(footer)
    except ReadError:  # optional; missing voxels are told of when they are asked for
        return bytes(_MGH_FOOTER_SIZE)


def open_analyze(header_path: Path, image_path: Path, value: str) -> Opened:
    """Open Analyze 7.5, SPM99 or SPM2, with SPM's ``.mat`` where there is one."""
    from nibabel.fileholders import FileHolder
    from nibabel.spm2analyze import Spm2AnalyzeImage

    matrix_path = image_path.with_name(image_path.name[: _stem_length(image_path)] + ".mat")
    head = head_of(header_path, ANALYZE_SIZE)
    image = Spm2AnalyzeImage.from_file_map(
        {
            "header": FileHolder(fileobj=BytesIO(head)),
            "image": FileHolder(filename=str(image_path)),
            "mat": FileHolder(filename=str(matrix_path)),
        }
    )
    header, proxy = image.header, image.dataobj
    scale = (1.0, 0.0) if value == "stored" else (float(proxy.slope), float(proxy.inter))
    data = _block(image_path, proxy.shape, proxy.dtype, int(proxy.offset), scale)
    source, findings = _analyze_orientation(matrix_path)
    if findings[0].kind == "no orientation":
        _refuse_no_lengths(header_path, head, header.endianness)
    files = (header_path, image_path, *([matrix_path] if matrix_path.is_file() else []))
    is_colour = proxy.dtype.names is not None
    extra = [Axis(n) for n in ("t", "u", "v", "w")][: data.ndim - 3 - is_colour]
    axes = (*extra, Axis("rgb")) if is_colour else tuple(extra)
    rows = rows_of("Analyze header", header)
    return Opened(data, image.affine, source, header, files, axes, rows, findings)


def _refuse_no_lengths(path: Path, head: bytes, order: str) -> None:
    """Refuse voxels of size 0 along an axis of several, which nibabel takes for 1 mm."""
    counts = np.frombuffer(head, f"{order}i2", 8, 40)
    sizes = np.frombuffer(head, f"{order}f4", 8, 76)
    for axis in range(3):
        if counts[axis + 1] > 1 and sizes[axis + 1] == 0:
            raise ReadError(
                str(path),
                f"pixdim[{axis + 1}], the voxel size along {'ijk'[axis]}, is 0 and no .mat file"
                f" places its {counts[axis + 1]} voxels",
                "Mend the header, or put SPM's .mat file beside it",
            )


def _analyze_orientation(matrix_path: Path) -> tuple[str, list[Finding]]:
    if matrix_path.is_file() and matrix_path.stat().st_size:
        from scipy.io import whosmat

        if any(name == "mat" for name, _, _ in whosmat(str(matrix_path))):
            text = f"the orientation is the one in {matrix_path.name}"
            return "SPM .mat file", [Finding(text, "note", "mat")]
    text = (
        "Analyze files do not tell the orientation: left and right cannot be told,"
        " SPM's convention was assumed (i runs to the left, j to anterior, k to superior)"
    )
    return "voxel sizes and SPM's convention", [Finding(text, kind="no orientation")]


def _stem_length(image_path: Path) -> int:
    return image_path.name.lower().rindex(".img")


def _block(
    path: Path,
    shape: Sequence[int],
    stored: np.dtype[Any],
    offset: int,
    scale: tuple[float, float] = (1.0, 0.0),
) -> LazyArray:
    """Return voxels indexed (i, j, k, …, colour)."""
    lengths = [int(n) for n in shape]
    lengths += [1] * (3 - len(lengths))
    n_colours = len(stored.names or ())
    if n_colours:
        stored, lengths = np.dtype(np.uint8), [n_colours, *lengths]
    dtype = scaled_dtype(stored, [scale])
    decode = None if scale == (1.0, 0.0) else Scale(*scale)
    layout = Layout(tuple(lengths), stored, dtype, offset, decode, 3 if n_colours else 2)
    block = lazy_block(path, layout)
    return block.transpose([*range(1, block.ndim), 0]) if n_colours else block

"""What files have in common is worked out once, and never given to a file that differs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_medvol.formats.dicom import tags
from napari_medvol.formats.dicom.layouts import Layouts
from napari_medvol.formats.dicom.parsing import read_header
from tests.formats.dicom.hostile.mutations import replaced
from tests.formats.dicom.test_header import assert_same
from tests.phantoms import dicom as phantom

PIXELS = np.arange(6 * 8, dtype=np.uint16).reshape(6, 8)
GROUPS = (
    (tags.ROWS, tags.COLUMNS, tags.NUMBER_OF_FRAMES),
    (tags.PIXEL_SPACING, tags.IMAGE_ORIENTATION_PATIENT),
    (tags.ACQUISITION_TIME, tags.PIXEL_SPACING, tags.SOP_INSTANCE_UID),
)
#: Of one length each, so that the layout is the same; several in one run.
CHOICES: dict[str, tuple[int, bytes, tuple[bytes, ...]]] = {
    "time": (tags.ACQUISITION_TIME, b"TM", (b"101112.50000", b"101112.75000", b"101113.00000")),
    "charset": (tags.SPECIFIC_CHARACTER_SET, b"CS", (b"ISO_IR 100", b"ISO_IR 192")),
    "type": (tags.IMAGE_TYPE, b"CS", (b"ORIGINAL\\PRIMARY ", b"ORIGINAL\\LOCALIZ ")),
    "slope": (tags.RESCALE_SLOPE, b"DS", (b"1.0 ", b"2.0 ", b"x.0 ")),
    "sign": (tags.PIXEL_REPRESENTATION, b"US", (b"\0\0", b"\1\0")),
    "current": (0x00181151, b"IS", (b"100 ", b"200 ", b"300 ")),
    "series": (tags.SERIES_INSTANCE_UID, b"UI", (b"1.2.3.4\0", b"1.2.3.5\0")),
}


def said(path: Path, layouts: Layouts | None) -> dict[str, Any]:
    """Return everything that a header says, each twice: worked out and remembered."""
    header = read_header(path, layouts)
    assert header is not None
    assert_same(header, path)
    answers: dict[str, Any] = {"pixels": header.pixels, "problem": header.problem}
    for again in range(2):
        for tag in tags.VR_OF:
            told = header.raw(tag), header.vr(tag), header.text(tag), header.numbers(tag)
            answers[f"{again} {tags.name_of(tag)}"] = told
        answers[f"{again} stored"] = [header.stored(group) for group in GROUPS]
    return {**answers, "malformed": header.malformed}


@pytest.mark.parametrize("varied", [*[(name,) for name in CHOICES], tuple(CHOICES)], ids=",".join)
@pytest.mark.parametrize("order", ["runs", "turns"])
def test_a_header_says_the_same_with_and_without_others_before_it(
    varied: tuple[str, ...], order: str, tmp_path: Path
) -> None:
    rng = random.Random(0)
    layouts = Layouts()
    for n in range(48):
        path = phantom.write_slice(
            tmp_path / f"{n}.dcm", PIXELS, position=(0, 0, n), instance=n + 1
        )
        content = replaced(path.read_bytes(), tags.PATIENT_NAME, b"PN", "Zoë".encode())
        ends = b"\xff\xff" if n % 2 else b"\7\0"
        content = replaced(content, tags.SMALLEST_IMAGE_PIXEL_VALUE, b"US", ends)
        for name in sorted({*varied, "charset"}):
            tag, vr, values = CHOICES[name]
            number = rng.randrange(99) if len(varied) > 1 else n if order == "turns" else n // 12
            content = replaced(content, tag, vr, values[number % len(values)])
        path.write_bytes(content)
        assert said(path, layouts) == said(path, None)


def test_slices_of_one_series_share_what_was_worked_out(tmp_path: Path) -> None:
    layouts = Layouts()
    headers = []
    for n in range(24):
        path = phantom.write_slice(
            tmp_path / f"{n}.dcm",
            PIXELS,
            position=(0, 0, n),
            instance=n + 1,
            elements={"AcquisitionTime": f"1011{n + 10:02d}.500000", "KVP": str(100 + n)},
        )
        header = read_header(path, layouts)
        assert header is not None
        headers.append(header)

    last, before = headers[-1].stored(GROUPS[1]), headers[-2].stored(GROUPS[1])

    assert last is before
    assert len({header.text(tags.ACQUISITION_TIME) for header in headers}) == 24
    assert len({header.numbers(tags.IMAGE_POSITION_PATIENT) for header in headers}) == 24

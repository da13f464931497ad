from __future__ import annotations

import numpy as np
import pytest

from napari_medvol.report import Finding, GeometryReport
from napari_medvol.views.overlays import mirror_findings, mirror_fit, overlay_findings
from napari_medvol.volume import Volume
from tests.phantoms.volumes import affine_along, rotated


def scan(name: str, affine: np.ndarray | None = None, **more: object) -> Volume:
    place = affine_along("LPS", (2, 2, 2)) if affine is None else affine
    return Volume(np.zeros((30, 30, 30), np.float32), place, name=name, **more)


def kinds(one: Volume, other: Volume) -> list[str]:
    return [finding.kind for finding in overlay_findings(one, other)]


def test_two_scans_of_one_session_have_nothing_against_them() -> None:
    assert (
        kinds(scan("CT", frame_of_reference="1.2.3"), scan("PET", frame_of_reference="1.2.3"))
        == []
    )
    assert kinds(scan("CT", frame_of_reference="1.2.3"), scan("T1")) == []


def test_different_frames_of_reference_are_warned_of() -> None:
    (found,) = overlay_findings(
        scan("CT", frame_of_reference="1.2.840.1"), scan("MR", frame_of_reference="1.2.840.2")
    )

    assert found.severity == "warning"
    assert "CT and MR have different frames of reference" in found.text


def test_scans_that_do_not_meet_are_told_with_their_distance() -> None:
    far = affine_along("LPS", (2, 2, 2))
    far[0, 3] += 100

    (found,) = overlay_findings(scan("CT"), scan("MR", far))

    assert found.text == "MR lies 40 mm beside CT: nothing of it is to be seen there"


@pytest.mark.parametrize("kind", ["no orientation", "handedness", "forms differ"])
def test_what_the_readers_found_about_left_and_right_is_said_again(kind: str) -> None:
    odd = scan("T1", report=GeometryReport(findings=(Finding("odd.", kind=kind), Finding("gap"))))

    assert [f.text for f in overlay_findings(scan("CT"), odd)] == ["T1: odd."]
    assert kinds(odd, scan("CT")) == [kind]


def head(side: float, values: tuple[float, float, float], affine: np.ndarray) -> Volume:
    """A head with a lesion on one side of it, on any grid."""
    shape = (60, 56, 50)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(index @ affine[:3, :3].T + affine[:3, 3], -1, 0)
    made = np.where((x / 50) ** 2 + (y / 55) ** 2 + (z / 48) ** 2 < 1, values[1], values[0])
    made = np.where((x - side) ** 2 + (y - 8) ** 2 + z**2 < 18**2, values[2], made)
    made = made + np.random.default_rng(1).normal(0, 1, shape)
    return Volume(made.astype(np.float32), affine, name="head")


def centred(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    moved = affine.copy()
    moved[:3, 3] = -(affine[:3, :3] @ ((np.array(shape) - 1) / 2))
    return moved


CT = centred(affine_along("LPS", (2, 2.2, 2.4)), (60, 56, 50))
MR = centred(rotated(affine_along("ARS", (2.1, 2.3, 2.2)), 6), (60, 56, 50))


@pytest.mark.parametrize("values", [(0, 100, 30), (200, 20, 160)])
def test_a_mirrored_overlay_is_found_out_whatever_its_contrast(
    values: tuple[float, float, float],
) -> None:
    reference = head(25, (-1000, 40, 300), CT)
    right, wrong = head(25, values, MR), head(25, values, MR)
    axis = 1
    wrong = Volume(np.flip(wrong.data, axis), MR, name="flipped")

    as_is, mirrored = mirror_fit(reference, right)
    assert as_is > mirrored
    assert mirror_findings(reference, right) == ()
    (found,) = mirror_findings(reference, wrong)
    assert found.kind == "mirrored"
    assert "flipped agrees better with head when left and right are swapped" in found.text


def test_scans_that_say_nothing_of_each_other_raise_no_suspicion() -> None:
    flat = Volume(np.zeros((60, 56, 50)), CT)

    assert mirror_findings(flat, head(25, (0, 1, 2), MR)) == ()
    assert mirror_fit(flat, scan("far", affine_along("LPS", origin=(900, 0, 0)))) == (1.0, 1.0)

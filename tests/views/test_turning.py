"""How voxels are stored, and both ways to say so."""

from __future__ import annotations

import nibabel as nib
import numpy as np

from napari_medvol.views.turning import CODES, other_ends, stored_planes
from tests.phantoms.volumes import ORIENTATIONS, affine_along, numbered


def test_there_are_48_codes_and_each_has_its_from_letters() -> None:
    assert sorted(CODES) == sorted(ORIENTATIONS)
    assert other_ends("ASL") == "PIR"
    assert all(other_ends(other_ends(code)) == code for code in CODES)


def test_letters_stand_where_the_array_ends() -> None:
    affine = affine_along("PIR")
    ij, _, jk = stored_planes(numbered((4, 5, 6), affine=affine))
    assert nib.aff2axcodes(affine) == ("P", "I", "R")
    assert (ij.left, ij.right, ij.bottom, ij.top) == ("A", "P", "S", "I")
    assert (jk.left, jk.right, jk.bottom, jk.top) == ("S", "I", "L", "R")
    assert ij.pixels.shape == (5, 4)
    assert ij.aspect == 2.0


def test_the_second_axis_goes_up() -> None:
    values = np.zeros((3, 4, 1), np.int16)
    values[2, 3, 0] = 50
    ij = stored_planes(numbered((3, 4, 1)).derive(_step(), data=values))[0]
    assert ij.pixels[0, 2] == 255
    assert ij.pixels.sum() == 255


def _step() -> object:
    from napari_medvol.volume import Step

    return Step("edit")

"""Turning the axes moves no voxel."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from napari_medvol import affines
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import StepError
from napari_medvol.ops.crop import crop
from napari_medvol.ops.orient import orient
from napari_medvol.volume import Axis, Volume
from tests.phantoms.geometry import grids
from tests.phantoms.sources import ArraySource

ALL = ["".join(codes) for axes in permutations(("RL", "AP", "SI")) for codes in product(*axes)]
OBLIQUE = np.array([[1.9, 0.3, -0.2, 5], [-0.2, 1.1, 0.4, -7], [0.3, -0.3, 2.8, 11], [0, 0, 0, 1]])


def _volume(affine) -> Volume:
    return Volume(np.arange(24 * 2).reshape(2, 3, 4, 2), affine, (Axis("t", 2.0, "s"),))


def test_there_are_48_orientations() -> None:
    assert len(set(ALL)) == 48


@pytest.mark.parametrize("codes", ALL)
def test_orient_gives_the_axes_asked_for_as_nibabel_does(codes: str) -> None:
    nibabel = pytest.importorskip("nibabel")
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    volume = _volume(OBLIQUE)
    image = nibabel.Nifti1Image(np.asarray(volume.data, dtype=np.int32), OBLIQUE)
    turned = image.as_reoriented(ornt_transform(io_orientation(OBLIQUE), axcodes2ornt(codes)))

    ours = orient(volume, codes)

    assert ours.axcodes == codes
    np.testing.assert_allclose(ours.affine, turned.affine, atol=1e-9)
    np.testing.assert_array_equal(ours.data, turned.dataobj)


@settings(max_examples=40)
@given(grids(), st.sampled_from(ALL))
def test_orient_moves_no_voxel(affine, codes: str) -> None:
    volume = _volume(affine)

    turned = orient(volume, codes)

    index = np.argwhere(np.ones(turned.shape[:3], bool))
    back = np.linalg.inv(affine) @ turned.affine
    before = affines.apply_affine(back, index)
    np.testing.assert_allclose(before, before.round(), atol=1e-6)
    i, j, k = before.round().astype(int).T
    np.testing.assert_array_equal(
        np.asarray(turned.data)[tuple(index.T)], np.asarray(volume.data)[i, j, k]
    )


@settings(max_examples=40)
@given(grids(), st.sampled_from(ALL))
def test_orient_and_back_is_the_same_bit_for_bit(affine, codes: str) -> None:
    volume = _volume(affine)
    assume(volume.obliquity < 44)  # at 45° the letters of a grid are a toss
    origin = np.abs(affine[:3, 3])
    assume(((origin == 0) | (origin > 1e-9)).all())  # below, 106 bits do not reach

    back = orient(orient(volume, codes), volume.axcodes)

    np.testing.assert_array_equal(back.data, volume.data)
    # -0.0 and 0.0 are one place.
    assert (back.affine + 0.0).tobytes() == (volume.affine + 0.0).tobytes()


@pytest.mark.parametrize("seed", range(4))
def test_random_sheared_grids_come_back_bit_for_bit_by_any_road(seed: int) -> None:
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3] = np.hstack([np.diag(rng.uniform(0.3, 3, 3)), rng.uniform(-300, 300, (3, 1))])
    affine[:3, :3] += rng.uniform(-0.1, 0.1, (3, 3))
    volume = _volume(affine)

    for codes in ALL:
        turned = orient(orient(volume, codes), ALL[(7 * ALL.index(codes) + 5) % 48])
        assert orient(turned, volume.axcodes).affine.tobytes() == volume.affine.tobytes()
        # What is lost on the way is far below a voxel, and no other step takes it along.
        assert np.abs(turned.rest).max() < 1e-12
        assert crop(turned, (0, 0, 0), (1, 1, 1)).rest == (0, 0, 0)


def test_orient_reads_no_voxel() -> None:
    source = ArraySource(np.zeros((6, 5, 4)))
    volume = Volume(LazyArray(source).transpose(2, 1, 0), np.eye(4))

    turned = crop(orient(volume, "PIR"), (0, 1, 0), (5, 4, 3))

    assert not source.reads
    assert isinstance(turned.data, LazyArray)


@pytest.mark.parametrize("codes", ["RRA", "RA", "XYZ", "", "RASL"])
def test_codes_that_name_no_orientation_are_refused(codes: str) -> None:
    with pytest.raises(StepError, match=repr(codes)):
        orient(_volume(OBLIQUE), codes)

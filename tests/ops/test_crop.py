"""A crop keeps every voxel where it was."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_medvol import affines
from napari_medvol.arrays import LazyArray
from napari_medvol.errors import StepError
from napari_medvol.ops.crop import crop
from napari_medvol.volume import Axis, Volume
from tests.phantoms.geometry import grids
from tests.phantoms.sources import ArraySource


@settings(max_examples=40)
@given(grids(), st.data())
def test_crop_keeps_every_voxel_where_it_was(affine, data) -> None:
    shape = (4, 5, 6)
    start = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    stop = tuple(data.draw(st.integers(a + 1, n)) for a, n in zip(start, shape, strict=True))
    values = np.arange(120).reshape(shape)

    cropped = crop(Volume(values, affine), start, stop)

    index = np.argwhere(np.ones(cropped.shape, bool))
    np.testing.assert_allclose(
        affines.apply_affine(cropped.affine, index),
        affines.apply_affine(affine, index + start),
        atol=1e-9,
    )
    np.testing.assert_array_equal(
        np.asarray(cropped.data)[tuple(index.T)], values[tuple((index + start).T)]
    )


def test_crop_gives_the_course_its_shape_and_origin() -> None:
    affine = np.diag([-0.9765625, 0.9765625, 2.0, 1.0])
    affine[:3, 3] = 249.51171875, -33.01171875, -553.5
    ct = Volume(np.zeros((512, 512, 175), np.int16), affine)

    cropped = crop(ct, (103, 160, 0), (381, 340, 175))

    assert cropped.shape == (278, 180, 175)
    assert cropped.affine[:3, 3].tolist() == [148.92578125, 123.23828125, -553.5]
    assert cropped.history[-1].op == "crop"


def test_crop_equals_nibabels_slicer() -> None:
    nibabel = pytest.importorskip("nibabel")
    affine = np.array([[0, 0, 1.5, 3], [-1, 0.1, 0, 4], [0, 2, 0, 5], [0, 0, 0, 1.0]])
    values = np.arange(7 * 8 * 9 * 2, dtype=np.int16).reshape(7, 8, 9, 2)
    image = nibabel.Nifti1Image(values, affine).slicer[2:6, 1:4, 3:9]

    cropped = crop(Volume(values, affine, (Axis("t", 2.0, "s"),)), (2, 1, 3), (6, 4, 9))

    np.testing.assert_array_equal(cropped.data, image.dataobj)
    np.testing.assert_allclose(cropped.affine, image.affine)


def test_crop_reads_no_voxel_and_leaves_its_input() -> None:
    source = ArraySource(np.zeros((6, 5, 4)))
    volume = Volume(LazyArray(source).transpose(2, 1, 0), np.eye(4))

    cropped = crop(volume, (1, 1, 1), (3, 4, 5))

    assert not source.reads
    assert volume.shape == (4, 5, 6)
    assert cropped.shape == (2, 3, 4)
    assert volume.history == ()


@pytest.mark.parametrize(
    ("start", "stop", "why"),
    [
        ((0, 0, 0), (0, 2, 2), "0:0, 0:2, 0:2 is empty"),
        ((0, 0, 0), (4, 6, 2), "not inside the shape 4 × 5 × 6"),
        ((-1, 0, 0), (2, 2, 2), "not inside"),
        ((0.5, 0, 0), (2, 2, 2), "not three whole numbers"),
        ((0, 0), (2, 2, 2), "not three whole numbers"),
    ],
)
def test_a_box_that_is_none_is_refused_with_its_numbers(start, stop, why) -> None:
    with pytest.raises(StepError, match=why):
        crop(Volume(np.zeros((4, 5, 6)), np.eye(4)), start, stop)

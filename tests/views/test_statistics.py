from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - its own name for itself

from napari_medvol.affines import swap_lps_ras
from napari_medvol.arrays import lazy_volume
from napari_medvol.errors import MedVolError
from napari_medvol.views.statistics import label_statistics
from napari_medvol.volume import Axis, Label, Volume
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, rotated

SHAPE = (24, 20, 16)
RNG = np.random.default_rng(3)
BLOBS = np.kron(RNG.integers(0, 5, (6, 5, 4)), np.ones((4, 4, 4))).astype(np.uint16) * 500
OBLIQUE = rotated(affine_along("LPS", (1.1, 0.9, 2.5)), 12)


def labels(**more: object) -> Volume:
    names = (Label(500, "Left lung"), Label(1000, "Liver", (1, 0, 0, 1)))
    return Volume(BLOBS, OBLIQUE, kind="labels", labels=names, name="seg", **more)


def image(affine: np.ndarray = OBLIQUE, shape: tuple[int, ...] = SHAPE, **more: object) -> Volume:
    data = np.random.default_rng(7).normal(1e6, 30, shape).astype(np.float32)
    return Volume(data, affine, unit="HU", **more)


def itk(volume: Volume) -> sitk.Image:
    lps = swap_lps_ras(volume.affine)
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    made = sitk.GetImageFromArray(np.asarray(volume.data, np.float64).T)
    made.SetSpacing(sizes.tolist())
    made.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    made.SetOrigin(lps[:3, 3].tolist())
    return made


def by_itk(image_: sitk.Image, seg: Volume) -> sitk.LabelStatisticsImageFilter:
    oracle = sitk.LabelStatisticsImageFilter()
    oracle.Execute(image_, sitk.Cast(itk(seg), sitk.sitkUInt16))
    return oracle


def test_on_its_own_grid_every_number_is_simpleitks() -> None:
    seg, scan = labels(), image()
    table = label_statistics(seg, scan)
    oracle = by_itk(itk(scan), seg)

    assert table.columns[3:] == (
        "volume (ml)", "mean (HU)", "SD (HU)", "min (HU)", "max (HU)", "values",
    )  # fmt: skip
    assert [row[0] for row in table.rows] == [500, 1000, 1500, 2000]
    assert [row[1] for row in table.rows] == ["Left lung", "Liver", "", ""]
    for value, _, n, ml, mean, deviation, low, high, n_values in table.rows:
        assert n == n_values == oracle.GetCount(value)
        assert ml == pytest.approx(n * 1.1 * 0.9 * 2.5 / 1000)
        assert mean == pytest.approx(oracle.GetMean(value), rel=1e-12)
        # SimpleITK loses digits of a variance about a mean of a million.
        assert deviation == pytest.approx(oracle.GetSigma(value), rel=1e-3)
        assert deviation == pytest.approx(scan.data[value == BLOBS].astype(float).std(ddof=1))
        assert (low, high) == (oracle.GetMinimum(value), oracle.GetMaximum(value))


def test_an_image_on_another_grid_is_interpolated_at_the_labels_voxels() -> None:
    seg = labels()
    coarse = affine_along("RIP", (3.0, 3.5, 4.0))
    coarse[:3, 3] = seg.affine[:3, 3] + (-45.0, 40.0, 40.0)
    scan = image(coarse, (30, 25, 30))
    table = label_statistics(seg, scan)

    resampled = sitk.Resample(
        itk(scan), itk(seg), sitk.Transform(), sitk.sitkLinear, float("nan"), sitk.sitkFloat64
    )
    values = sitk.GetArrayFromImage(resampled).T
    for value, _, n, _, mean, deviation, low, high, n_values in table.rows:
        there = values[(value == BLOBS) & np.isfinite(values)]
        assert n_values == there.size
        assert n_values <= n
        assert mean == pytest.approx(there.mean(), rel=1e-6)
        assert deviation == pytest.approx(there.std(ddof=1), rel=1e-3)
        assert (low, high) == pytest.approx((there.min(), there.max()), rel=1e-6)
    assert min(row[8] for row in table.rows) > 100


def test_lazy_scans_are_read_slice_by_slice_and_only_where_labels_are() -> None:
    source = ArraySource(np.zeros((16, 20, 24), np.int16) + np.arange(16)[:, None, None])
    seg = np.zeros(SHAPE, np.uint8)
    seg[5:8, 5:8, 3:5] = 1
    volume = Volume(lazy_volume(source), OBLIQUE)
    told: list[tuple[int, int]] = []

    table = label_statistics(
        Volume(seg, OBLIQUE, kind="labels"), volume, progress=lambda *now: told.append(now)
    )

    assert table.rows[0][4:8] == (
        pytest.approx(3.5),
        pytest.approx(np.std([3, 4] * 9, ddof=1)),
        3,
        4,
    )
    assert set(source.reads) <= {3, 4}
    assert told[-1] == (16, 16)


def test_what_is_nan_does_not_count_and_a_label_of_nothing_else_has_no_mean() -> None:
    scan = np.full(SHAPE, np.nan, np.float32)
    scan[BLOBS == 500] = 7
    table = label_statistics(labels(), Volume(scan, OBLIQUE))

    assert table.rows[0][4:] == (7, 0, 7, 7, table.rows[0][2])
    assert table.rows[1][4:] == (None, None, None, None, 0)


def test_without_an_image_there_are_volumes_and_shear_counts() -> None:
    sheared = OBLIQUE.copy()
    sheared[:3, 2] += sheared[:3, 1]
    table = label_statistics(Volume(BLOBS, sheared, kind="labels"))

    assert table.columns == ("label", "name", "voxels", "volume (ml)")
    assert table.rows[0][3] == pytest.approx(table.rows[0][2] * 1.1 * 0.9 * 2.5 / 1000)


def test_labels_of_nothing_make_an_empty_table() -> None:
    empty = Volume(np.zeros(SHAPE, bool), OBLIQUE, kind="labels")

    assert label_statistics(empty, image()).rows == ()


def test_a_frame_can_be_chosen() -> None:
    data = np.stack([np.zeros(SHAPE), np.ones(SHAPE)], axis=3)
    scan = Volume(data, OBLIQUE, axes=(Axis("t"),))
    table = label_statistics(labels(), scan, frame=(1,))

    assert {row[4] for row in table.rows} == {1.0}
    moving = Volume(
        np.stack([BLOBS, BLOBS * 0], axis=3), OBLIQUE, axes=(Axis("t"),), kind="labels"
    )
    assert label_statistics(moving, scan, frame=(1,)).rows == ()
    with pytest.raises(MedVolError, match=r"frame \(2,\) is not in \(2,\)"):
        label_statistics(labels(), scan, frame=(2,))


def test_what_is_no_labels_or_no_number_is_refused() -> None:
    with pytest.raises(MedVolError, match="no labels"):
        label_statistics(image(), image())
    colour = Volume(np.zeros((*SHAPE, 3), np.uint8), OBLIQUE, axes=(Axis("rgb"),))
    with pytest.raises(MedVolError, match="holds colours"):
        label_statistics(labels(), colour)
    with pytest.raises(MedVolError, match="complex"):
        label_statistics(labels(), Volume(np.zeros(SHAPE, complex), OBLIQUE))

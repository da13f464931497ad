from __future__ import annotations

import time
from collections.abc import Callable

import nibabel
import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.ndimage import center_of_mass

from napari_medvol.affines import apply_affine
from napari_medvol.errors import ReadError
from napari_medvol.viewer import phantoms, samples
from napari_medvol.viewer.planes import show_plane
from napari_medvol.volume import Volume

MAKERS = (
    phantoms.chest_ct,
    phantoms.chest_pet,
    phantoms.chest_labels,
    phantoms.head_mr,
    phantoms.head_fmri,
)
PLACES = {organ.name: organ.center for organ in (*phantoms.CHEST, *phantoms.HEAD)}


def value_at(volume: Volume, ras: tuple[float, float, float]) -> float:
    """Mean of the 3×3×3 voxels around a place."""
    at = np.rint(apply_affine(np.linalg.inv(volume.affine), ras)).astype(int)
    box = tuple(slice(n - 1, n + 2) for n in at)
    return float(np.asarray(volume.data[box]).mean())


@pytest.mark.parametrize("make", MAKERS)
def test_a_sample_is_made_at_once_and_always_the_same(make: Callable[[], Volume]) -> None:
    start = time.perf_counter()
    one = make()
    assert time.perf_counter() - start < 4

    np.testing.assert_array_equal(one.data, make().data)
    assert one.name


@pytest.mark.parametrize(
    ("organ", "hu"),
    [("liver", 62), ("heart chambers", 190), ("right lung", -850), ("left lung", -850),
     ("nodule", 35), ("vertebrae", 260), ("air in the stomach", -980)],
)  # fmt: skip
def test_the_ct_has_the_values_of_tissue_on_the_right_side(organ: str, hu: float) -> None:
    assert value_at(phantoms.chest_ct(), PLACES[organ]) == pytest.approx(hu, abs=12)


def test_heart_and_liver_are_on_their_sides_and_the_breastbone_in_front() -> None:
    assert PLACES["heart"][0] < 0 < PLACES["liver"][0]
    assert PLACES["spleen"][0] < 0
    assert PLACES["vertebrae"][1] < 0 < PLACES["sternum"][1]
    assert PLACES["nose"][1] > 90


def test_the_pet_shows_the_nodule_where_the_ct_has_it_on_another_grid() -> None:
    pet, ct = phantoms.chest_pet(), phantoms.chest_ct()
    box = tuple(slice(n - 5, n + 6) for n in _index(pet, PLACES["nodule"]))
    hot = np.where(pet.data[box] > 3, pet.data[box], 0)

    found = apply_affine(pet.affine, np.add(center_of_mass(hot), [part.start for part in box]))

    assert np.linalg.norm(found - PLACES["nodule"]) < 2
    assert value_at(ct, tuple(found)) == pytest.approx(35, abs=12)
    assert pet.shape != ct.shape
    assert pet.unit == "SUV"


def _index(volume: Volume, ras: tuple[float, float, float]) -> list[int]:
    return np.rint(apply_affine(np.linalg.inv(volume.affine), ras)).astype(int).tolist()


def test_every_label_has_a_name_a_colour_and_voxels() -> None:
    labels = phantoms.chest_labels()

    assert {label.value for label in labels.labels} == set(np.unique(labels.data)) - {0}
    assert all(label.name and label.color for label in labels.labels)
    np.testing.assert_array_equal(labels.affine, phantoms.chest_ct().affine)
    assert value_at(labels, PLACES["liver"]) == 4


def test_the_head_lies_askew_with_its_lesion_on_the_left() -> None:
    mr = phantoms.head_mr()

    assert 15 < mr.obliquity < 25
    assert value_at(mr, PLACES["lesion"]) > 900
    assert value_at(mr, (40, 30, 36)) < 800


def test_only_the_left_motor_cortex_follows_the_task() -> None:
    fmri = phantoms.head_fmri()
    task = np.arange(40) // 10 % 2

    def follows(ras: tuple[float, float, float]) -> float:
        i, j, k = _index(fmri, ras)
        return float(np.corrcoef(fmri.data[i, j, k].astype(float), task)[0, 1])

    assert follows((-38, -18, 62)) > 0.8
    assert abs(follows((38, -18, 62))) < 0.5
    assert fmri.axes[0].step == 2.0
    assert fmri.axes[0].unit == "s"


@pytest.mark.parametrize(
    "sample", [samples.ct, samples.pet, samples.ct_labels, samples.oblique_mr, samples.fmri]
)
def test_every_sample_opens_as_a_layer(sample: Callable[[], list]) -> None:
    viewer = ViewerModel()
    for data, options, kind in sample():
        layer = getattr(viewer, f"add_{kind}")(data, **options)

    assert layer.visible
    show_plane(viewer, "coronal")
    assert layer.ndim == (4 if sample is samples.fmri else 3)


def test_the_head_of_nibabel_opens_or_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    ((_, options, kind),) = samples.nibabel_head()

    assert kind == "image"
    assert options["name"].startswith("anatomical")

    monkeypatch.setattr(nibabel, "__file__", f"{tmp_path}/nibabel/__init__.py")
    with pytest.raises(ReadError, match="without its test data"):
        samples.nibabel_head()

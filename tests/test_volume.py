from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

from napari_medvol.arrays import LazyArray
from napari_medvol.errors import GeometryError
from napari_medvol.volume import Axis, Display, Field, Label, Step, Volume, Window
from tests.phantoms.sources import ArraySource
from tests.phantoms.volumes import affine_along, numbered, rotated

DATA = np.zeros((3, 4, 5), np.int16)


def test_nothing_of_a_volume_can_be_changed(volume: Volume) -> None:
    for field in dataclasses.fields(Volume):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(volume, field.name, None)
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 3] = 1
    with pytest.raises((AttributeError, TypeError)):
        volume.note = "more"  # type: ignore[attr-defined]


def test_the_affine_is_a_copy_of_what_was_given() -> None:
    affine = affine_along("LPS")
    volume = Volume(DATA, affine)
    affine[:] = 0

    np.testing.assert_array_equal(volume.affine, affine_along("LPS"))


def test_properties_come_from_the_grid() -> None:
    volume = numbered((5, 6, 7, 2), np.int16, affine_along("PIR", (1, 2, 3)))

    assert volume.shape == (5, 6, 7, 2)
    assert volume.dtype == np.int16
    assert volume.axcodes == "PIR"
    assert volume.zooms == (1, 2, 3, 1)
    assert volume.obliquity == 0
    assert not volume.is_rgb
    assert repr(volume) == "<Volume 'p' (5, 6, 7, 2) int16 1×2×3×1 PIR>"


def test_obliquity_is_the_worst_axis() -> None:
    volume = Volume(DATA, rotated(affine_along("LPS"), 15, about=(0, 0, 1)))

    assert volume.obliquity == pytest.approx(15)


def test_colour_is_the_last_axis_and_no_zoom() -> None:
    data = np.zeros((3, 4, 5, 2, 3), np.uint8)
    volume = Volume(data, np.eye(4), axes=(Axis("t", 2.5, "s"), Axis("rgb")))

    assert volume.is_rgb
    assert volume.zooms == (1, 1, 1, 2.5)


def test_a_lazy_array_stays_lazy() -> None:
    source = ArraySource(DATA)
    volume = Volume(LazyArray(source), np.eye(4))

    assert (volume.shape, volume.dtype) == ((3, 4, 5), np.int16)
    assert "int16" in repr(volume)
    volume.derive(Step("crop"), name="other")
    assert source.order == []


def test_derive_makes_the_next_and_leaves_the_first(volume: Volume) -> None:
    once = volume.derive(Step("crop", {"start": (1, 2, 3)}), data=volume.data[1:], name="cropped")
    twice = once.derive(Step("orient", {"axcodes": "RAS"}))

    assert [step.op for step in twice.history] == ["crop", "orient"]
    assert twice.history[0] is once.history[0]
    assert (once.name, once.shape) == ("cropped", (4, 6, 7))
    assert (volume.name, volume.shape, volume.history) == ("p", (5, 6, 7), ())
    assert type(once) is Volume
    np.testing.assert_array_equal(once.affine, volume.affine)


def test_derive_checks_what_it_makes(volume: Volume) -> None:
    with pytest.raises(GeometryError, match="singular"):
        volume.derive(Step("scale"), affine=np.diag([0, 1, 1, 1]))


def test_a_step_keeps_its_parameters_whatever_happens_to_the_dict() -> None:
    params = {"start": (1, 2, 3)}
    step = Step("crop", params)
    params["start"] = (0, 0, 0)

    assert step.params["start"] == (1, 2, 3)
    with pytest.raises(TypeError):
        step.params["start"] = (9, 9, 9)  # type: ignore[index]
    assert Step("crop").params == {}


def test_steps_travel_between_processes() -> None:
    step = Step("crop", {"start": (1, 2, 3)})

    back = pickle.loads(pickle.dumps(step))

    assert back == step
    assert back.params == step.params


@pytest.mark.parametrize("shape", [(), (3,), (3, 4)])
def test_fewer_than_three_axes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"data has {len(shape)} axes"):
        Volume(np.zeros(shape), np.eye(4))


@pytest.mark.parametrize(("shape", "n_axes"), [((3, 4, 5, 2), 0), ((3, 4, 5), 1)])
def test_every_axis_after_the_third_must_be_named(shape: tuple[int, ...], n_axes: int) -> None:
    with pytest.raises(ValueError, match=f"needs {len(shape) - 3} extra axes, {n_axes} are named"):
        Volume(np.zeros(shape), np.eye(4), axes=(Axis("t"),) * n_axes)


@pytest.mark.parametrize(("name", "what"), [("CT lung", "CT lung"), ("", "volume")])
def test_a_bad_affine_is_refused_by_name(name: str, what: str) -> None:
    with pytest.raises(GeometryError) as caught:
        Volume(DATA, np.zeros((4, 4)), name=name)

    assert caught.value.what == what


def test_two_volumes_are_the_same_only_if_they_are_one(volume: Volume) -> None:
    # Comparing voxels would read a whole scan behind an innocent ==.
    assert volume == volume  # noqa: PLR0124
    assert volume != dataclasses.replace(volume)
    assert hash(volume) == hash(volume)


@pytest.mark.parametrize(
    ("value", "changed"),
    [
        (Axis("t", 2.0, "s"), ("step", 3.0)),
        (Display(limits=(0, 1)), ("inverted", True)),
        (Label(1, "liver"), ("name", "spleen")),
        (Field("MR", "Echo Time", "3", "ms"), ("value", "4")),
        (Window(40, 400, "soft tissue"), ("width", 1.0)),
    ],
)
def test_the_small_values_are_frozen_too(value: Any, changed: tuple[str, Any]) -> None:
    with pytest.raises(AttributeError):
        setattr(value, *changed)

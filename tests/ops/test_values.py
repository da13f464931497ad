"""Values change as they are told to; nothing moves."""

from typing import Any

import numpy as np
import pytest

from napari_medvol.errors import StepError
from napari_medvol.ops import chunks
from napari_medvol.ops.values import (
    as_kind,
    astype,
    clip,
    part,
    rescale,
    round_values,
    scale,
    window,
)
from napari_medvol.volume import Axis, Label, Volume

HU = np.array([-1024, -1000, 0, 40, 400, 3071], np.int16).reshape(1, 2, 3)


def volume(values=HU, **more) -> Volume:
    return Volume(np.asarray(values), np.diag([1.0, 2, 3, 1]), name="CT", **more)


def test_int16_is_held_exactly_by_float32() -> None:
    every = np.arange(-(2**15), 2**15, dtype=np.int16).reshape(16, 64, 64)

    floats = astype(volume(every), "float32")

    assert floats.dtype == np.float32
    np.testing.assert_array_equal(floats.data, every)


@pytest.mark.parametrize(
    ("values", "dtype", "why"),
    [
        (HU, "uint8", "-1024 to 3071 do not fit uint8"),
        (HU + 0.5, "int16", "no whole numbers do not fit int16"),
        (HU * 1j, "float32", "complex values are no float32"),
        (HU, "text", "no type of numbers"),
        (HU, "bool", "no type of numbers"),
    ],
)
def test_a_type_that_does_not_hold_the_values_is_refused(values, dtype: str, why: str) -> None:
    with pytest.raises(StepError, match=why):
        astype(volume(values), dtype)


WIDE = np.array([2**62 + 1, 2**62 + 3, 0, 5], np.int64).reshape(1, 2, 2)
REAL = np.array([1e300, -1e300, 1, np.inf]).reshape(1, 2, 2)


@pytest.mark.parametrize(
    ("values", "dtype", "why"),
    [
        (np.full((1, 1, 1), 10**6, np.int32), "float16", "1000000 would be rounded: float16"),
        (HU, "float16", r"-1024 to 3071 would be rounded: .* up to ±2048"),
        (WIDE // 2**37, "float32", "would be rounded: float32"),
        (WIDE, "float64", "4611686018427387907 would be rounded: float64"),
        (REAL, "float32", r"beyond float32, which ends at 3\.40282e\+38"),
        (np.full((1, 1, 1), 1e300j), "complex64", "beyond complex64"),
        (np.full((1, 1, 1), 2.0**63), "int64", "do not fit int64"),
    ],
)
def test_a_float_that_would_round_or_end_is_refused(values, dtype: str, why: str) -> None:
    with pytest.raises(StepError, match=why):
        astype(volume(values), dtype)


def test_wide_integers_pass_through_what_only_picks() -> None:
    most = np.array([2**63 - 1, -(2**63), 0, 2**62 + 1], np.int64).reshape(1, 2, 2)

    np.testing.assert_array_equal(round_values(volume(most)).data, most)
    np.testing.assert_array_equal(astype(volume(most), "int64").data, most)
    np.testing.assert_array_equal(clip(volume(most), 0, 2**62 + 3).data, most.clip(0, 2**62 + 3))
    np.testing.assert_array_equal(astype(volume(WIDE), "uint64").data, WIDE)
    assert np.isinf(astype(volume(np.full((1, 1, 1), np.inf)), "float32").data).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_end_beyond_the_type_is_its_own_end(dtype: Any) -> None:
    values = np.array([1, 2, -3, np.nan], dtype).reshape(1, 2, 2)

    np.testing.assert_array_equal(clip(volume(values), -1e300, 1e300).data, values)


def test_the_ends_of_a_mask_are_its_values() -> None:
    mask = np.array([True, False]).reshape(1, 1, 2)

    np.testing.assert_array_equal(clip(volume(mask), 0.2, 7).data, True)
    np.testing.assert_array_equal(clip(volume(mask), -1, 0.5).data, False)


def test_the_range_becomes_0_to_255() -> None:
    bytes_ = rescale(volume())

    assert bytes_.dtype == np.uint8
    expected = np.rint((HU.astype(float) + 1024) * 255 / 4095)
    np.testing.assert_array_equal(bytes_.data, expected)


def test_what_lies_beyond_the_range_is_cut_to_its_ends() -> None:
    assert np.asarray(rescale(volume(), -1000, 400).data).ravel().tolist() == [
        0, 0, 182, 189, 255, 255,
    ]  # fmt: skip


def test_a_window_is_baked_in_as_pydicom_does() -> None:
    pydicom = pytest.importorskip("pydicom")
    from pydicom.pixels import apply_windowing

    dataset = pydicom.Dataset()
    dataset.WindowCenter, dataset.WindowWidth = 40, 400
    dataset.PhotometricInterpretation, dataset.BitsStored = "MONOCHROME2", 8
    dataset.PixelRepresentation = 0
    wide = np.arange(-300, 400, dtype=np.float64).reshape(7, 10, 10)

    baked = window(volume(wide), 40, 400)

    np.testing.assert_allclose(baked.data, np.rint(apply_windowing(wide, dataset)), atol=1)
    assert baked.history[-1].op == "window"


def test_slope_and_intercept_make_real_values() -> None:
    real = scale(volume(), 0.5, -3.0, "mm/s")

    np.testing.assert_array_equal(real.data, HU * 0.5 - 3)
    assert (real.unit, real.dtype) == ("mm/s", np.float32)


def test_clipping_keeps_the_type_and_rounds_inwards() -> None:
    clipped = clip(volume(), -100.5, 399.5)

    assert clipped.dtype == np.int16
    assert (np.min(clipped.data), np.max(clipped.data)) == (-100, 399)


def test_rounding_goes_to_the_even() -> None:
    values = np.array([0.5, 1.5, -0.4, np.nan]).reshape(1, 2, 2)

    np.testing.assert_array_equal(
        np.asarray(round_values(volume(values)).data).ravel(), [0, 2, 0, np.nan]
    )


@pytest.mark.parametrize(
    ("name", "function"),
    [("magnitude", np.abs), ("phase", np.angle), ("real", np.real), ("imaginary", np.imag)],
)
def test_a_part_of_complex_values(name, function) -> None:
    values = (HU + 1j * HU[:, ::-1]).astype(np.complex64)

    one = part(volume(values, unit="a.u."), name)

    assert one.dtype == np.float32
    np.testing.assert_allclose(one.data, function(values), rtol=1e-6)
    assert one.unit == ("rad" if name == "phase" else "a.u.")


def test_labels_to_image_and_back_keep_place_and_values() -> None:
    names = (Label(1, "liver", None),)
    labels = volume(np.array([0, 1, 300]).reshape(1, 1, 3), kind="labels", labels=names)

    image = as_kind(labels, "image")
    back = as_kind(astype(image, "float32"), "labels")

    assert (image.kind, back.kind) == ("image", "labels")
    assert back.dtype == np.uint16
    np.testing.assert_array_equal(back.data, labels.data)
    np.testing.assert_array_equal(back.affine, labels.affine)


@pytest.mark.parametrize(
    ("act", "why"),
    [
        (lambda: rescale(volume(), 5, 5), "no range from 5 to 5"),
        (lambda: rescale(volume(), dtype="float32"), "no type of integers"),
        (lambda: rescale(volume(np.zeros((2, 2, 2)))), "no range from 0 to 0"),
        (lambda: window(volume(), 40, 1), "a width of 1"),
        (lambda: scale(volume(), 0), "make no scale"),
        (lambda: scale(volume(), np.nan), "slope is nan, no finite number"),
        (lambda: clip(volume()), "no range"),
        (lambda: clip(volume(), 5, 1), "no range from 5 to 1"),
        (lambda: clip(volume(HU * 1j), 1), "no order"),
        (lambda: part(volume()), "int16 values are not complex"),
        (lambda: part(volume(HU * 1j), "argument"), "none of magnitude"),
        (lambda: as_kind(volume(HU + 0.5), "labels"), "no whole numbers"),
        (lambda: as_kind(volume(np.full((1, 1, 1), 2.0**64)), "labels"), "beyond every type"),
        (lambda: clip(volume(HU + 0.5), np.nan), "low is nan, no finite number"),
        (lambda: rescale(volume(HU + 0.5), -np.inf), "low is -inf, no finite number"),
        (lambda: rescale(volume(REAL * 1e8)), "no range from -1e[+]308 to 1e[+]308"),
        (lambda: rescale(volume(), dtype="int64"), "at most 32 bits"),
        (lambda: rescale(volume(WIDE)), "4611686018427387907, are calculated with in float64"),
        (lambda: scale(volume(WIDE), 2), "are calculated with in float64"),
        (lambda: scale(volume(REAL), 1e10), "take a value beyond float64"),
        (lambda: astype(volume(REAL[..., 1:]), "int16"), "do not fit int16"),
        (lambda: as_kind(volume(HU), "mask"), "neither image nor labels"),
        (lambda: as_kind(volume(np.zeros((1,) * 4, "u1"), axes=(Axis("rgb"),)), "labels"), "no"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(act, why: str) -> None:
    with pytest.raises(StepError, match=why):
        act()


def test_a_result_beyond_the_memory_is_refused_with_its_size(monkeypatch) -> None:
    monkeypatch.setattr(chunks.BUDGET, "limit", 40)

    with pytest.raises(StepError, match=r"1 × 2 × 3 float64, would take 4\.47e-08 GiB"):
        astype(volume(), "float64")


@pytest.mark.parametrize("operation", [scale, rescale])
def test_numbers_that_are_names_are_not_calculated_with(operation: Any) -> None:
    labels = Volume(np.arange(8).reshape(2, 2, 2), np.eye(4), kind="labels")

    with pytest.raises(StepError, match="names of regions"):
        operation(labels)
    with pytest.raises(StepError, match="complex"):
        operation(Volume(np.ones((2, 2, 2)) * 1j, np.eye(4)))


def test_greys_of_what_is_not_finite_are_those_that_are_documented() -> None:
    values = np.array([[[np.nan, -np.inf, np.inf, 25.0, 100.0]]])
    volume = Volume(values, np.eye(4))

    for made in (rescale(volume, 0, 100), window(volume, 50.5, 101)):
        np.testing.assert_array_equal(np.asarray(made.data)[0, 0], [0, 0, 255, 64, 255])

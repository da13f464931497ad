"""Real-world value maps and parametric maps, written and applied by highdicom."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from highdicom.pm import ParametricMap, RealWorldValueMapping
from napari.components import ViewerModel
from pydicom import Dataset, dcmread
from pydicom.sr.coding import Code
from pydicom.uid import ImplicitVRLittleEndian

import napari_medvol
from napari_medvol import Volume, read
from napari_medvol.errors import ReadError
from napari_medvol.formats.dicom.offers import offers
from tests.phantoms.dicom import uid_of, write_series, write_slice

STORED = np.arange(3 * 4 * 5).reshape(3, 4, 5)
DIFFUSION = Code("mm2/s", "UCUM", "square millimetre per second")
TABLE = np.sqrt(np.arange(60)) / 7


def mapping(
    value_range: tuple[Any, Any], label: str = "ADC", unit: Code = DIFFUSION, **how: Any
) -> RealWorldValueMapping:
    return RealWorldValueMapping(label, "made for a test", unit, value_range, **how)


def parametric_map(
    folder: Path, pixels: np.ndarray, mappings: Sequence[RealWorldValueMapping]
) -> Path:
    """Write a parametric map over a series that is not kept."""
    sources = [
        dcmread(path)
        for path in write_series(
            folder / "source", STORED.astype(np.int16), modality="MR", step=(0, 0, 2)
        )
    ]
    for source in sources:
        source.AccessionNumber = source.StudyID = source.PatientBirthDate = source.PatientSex = ""
        source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4"
    made = ParametricMap(
        source_images=sources,
        pixel_array=pixels,
        series_instance_uid=uid_of("pm"),
        series_number=7,
        sop_instance_uid=uid_of("pm", 1),
        instance_number=1,
        manufacturer="Phantom",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        contains_recognizable_visual_features=False,
        real_world_value_mappings=mappings,
        voi_lut_transformations=[highdicom.VOILUTTransformation(0.5, 1.0)],
    )
    made.save_as(folder / "pm.dcm")
    return folder / "pm.dcm"


def only(path: Path, **choices: Any) -> Volume:
    (volume,) = read(path, **choices)
    return volume


def values(volume: Volume) -> Any:
    return np.asarray(volume.data).T


def by_highdicom(path: Path) -> np.ndarray:
    """Return the frames as highdicom maps them, from the lowest slice up."""
    image = highdicom.imread(path)
    heights = [
        groups.PlanePositionSequence[0].ImagePositionPatient[2]
        for groups in image.PerFrameFunctionalGroupsSequence
    ]
    frames = image.get_frames(apply_real_world_transform=True, dtype=np.float64)
    return frames[np.argsort(heights)]


@pytest.mark.parametrize(
    ("dtype", "how"),
    [
        ("uint16", {"slope": 0.25, "intercept": -3.0}),
        ("uint8", {"slope": 2, "intercept": 7}),
        ("uint16", {"lut_data": TABLE}),
        ("uint8", {"lut_data": TABLE}),
    ],
)
def test_a_parametric_map_shows_its_quantity(
    tmp_path: Path, dtype: str, how: dict[str, Any]
) -> None:
    path = parametric_map(tmp_path, STORED.astype(dtype), [mapping((0, 59), **how)])

    volume = only(path)

    np.testing.assert_allclose(values(volume), by_highdicom(path), rtol=1e-6)
    assert volume.unit == "mm²/s"
    np.testing.assert_array_equal(values(only(path, value="stored")), STORED)
    assert any(f.kind == "rwv" for f in volume.report.findings)


def test_a_parametric_map_of_floats_is_scaled_too(tmp_path: Path) -> None:
    pixels = STORED.astype(np.float32) / 60
    how = mapping((0.0, 1.0), slope=1e-3, intercept=2e-3)
    path = parametric_map(tmp_path, pixels, [how])

    volume = only(path)

    np.testing.assert_allclose(values(volume), pixels * 1e-3 + 2e-3, rtol=1e-5)
    assert volume.dtype == np.float32


def test_the_layer_of_a_parametric_map_says_its_unit(tmp_path: Path) -> None:
    path = parametric_map(
        tmp_path, STORED.astype(np.uint16), [mapping((0, 59), slope=2, intercept=0)]
    )

    (layer,) = napari_medvol.open(ViewerModel(), path)

    assert layer.name.endswith("[mm²/s]")
    assert {o.value: o.unit for o in offers(only(path)) if not o.why_not} == {
        "real": "mm²/s",
        "rwv": "mm²/s",
        "stored": "",
    }


def item(first: int, last: int, unit: str = "mm2/s", label: str = "A", **how: Any) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", unit
    one = Dataset()
    one.add_new("RealWorldValueFirstValueMapped", "SS", first)
    one.add_new("RealWorldValueLastValueMapped", "SS", last)
    one.LUTLabel, one.MeasurementUnitsCodeSequence = label, [code]
    for name, value in how.items():
        setattr(one, f"RealWorldValue{name}", value)
    return one


def mapped(folder: Path, *items: Dataset, **choices: Any) -> Path:
    write_series(
        folder,
        STORED.astype(np.int16) - 10,
        modality="MR",
        step=(0, 0, 2),
        elements={"RealWorldValueMappingSequence": list(items)},
        **choices,
    )
    return folder


def test_values_outside_a_table_are_no_numbers(tmp_path: Path) -> None:
    table = [float(n * n) for n in range(30)]
    folder = mapped(tmp_path, item(-5, 24, LUTData=table), padding=-10)

    volume = only(folder, value="rwv")

    stored = STORED - 10
    inside = (stored >= -5) & (stored <= 24)
    wanted = np.where(inside, (stored + 5.0) ** 2, np.nan)
    np.testing.assert_allclose(values(volume), wanted)
    assert volume.display.padding is None
    assert "NaN outside" in "".join(f.text for f in volume.report.findings)
    (layer,) = napari_medvol.open(ViewerModel(), folder, value="rwv")
    assert np.isfinite(layer.contrast_limits).all()


def test_a_table_in_an_implicit_file_with_ends_of_open_sign(tmp_path: Path) -> None:
    table = [float(n) for n in range(60)]
    folder = mapped(tmp_path, item(-10, 49, LUTData=table), syntax=str(ImplicitVRLittleEndian))

    np.testing.assert_allclose(values(only(folder, value="rwv")), STORED)


def test_ranges_of_one_quantity_are_mapped_each_by_its_own_line(tmp_path: Path) -> None:
    items = item(-10, 9, Slope=2.0, Intercept=1.0), item(10, 49, Slope=3.0, Intercept=0.0)
    volume = only(mapped(tmp_path, *items), value="rwv")

    stored = STORED - 10.0
    np.testing.assert_allclose(values(volume), np.where(stored < 10, stored * 2 + 1, stored * 3))


def test_another_quantity_of_the_same_values_is_named(tmp_path: Path) -> None:
    items = (
        item(-10, 49, Slope=2.0, Intercept=1.0),
        item(-10, 49, "1", "FA", Slope=3.0, Intercept=0.0),
    )
    volume = only(mapped(tmp_path, *items), value="rwv")

    np.testing.assert_allclose(values(volume), (STORED - 10) * 2 + 1)
    assert "the file also maps to FA (no unit)" in "".join(f.text for f in volume.report.findings)


def test_slices_with_maps_of_their_own_are_mapped_each_by_its_own(tmp_path: Path) -> None:
    for k, plane in enumerate(STORED.astype(np.int16)):
        write_slice(
            tmp_path / f"{k}.dcm",
            plane,
            modality="MR",
            position=(0, 0, 2 * k),
            instance=k,
            elements={
                "RealWorldValueMappingSequence": [item(0, 99, Slope=1.5 + k, Intercept=0.0)]
            },
        )

    volume = only(tmp_path, value="rwv")

    np.testing.assert_allclose(values(volume), STORED * np.array([1.5, 2.5, 3.5])[:, None, None])
    assert "of each image" in "".join(f.text for f in volume.report.findings)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([item(0, 9, LUTData=[1.0, 2.0])], "its table has 2 values for stored ones from 0 to 9"),
        ([item(0, 9)], "neither slope nor table"),
        ([item(0, 9, Slope=0.0, Intercept=1.0)], "real-world slope and intercept are 0, 1"),
    ],
)
def test_maps_that_make_no_sense_are_refused_with_the_reason(
    tmp_path: Path, items: list[Dataset], why: str
) -> None:
    folder = mapped(tmp_path, *items)

    with pytest.raises(ReadError, match=why):
        read(folder, value="rwv")
    np.testing.assert_array_equal(values(only(folder)), STORED - 10)


def test_slices_mapped_to_different_units_are_refused(tmp_path: Path) -> None:
    for k, unit in enumerate(("mm2/s", "ms")):
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[k].astype(np.int16),
            modality="MR",
            position=(0, 0, 2 * k),
            instance=k,
            elements={
                "RealWorldValueMappingSequence": [item(0, 99, unit, Slope=1.0, Intercept=0.0)]
            },
        )

    with pytest.raises(ReadError, match=r"mapped to different units \(mm²/s, ms\)"):
        read(tmp_path, value="rwv")


def test_a_table_over_floats_is_refused(tmp_path: Path) -> None:
    write_series(
        tmp_path,
        STORED.astype(np.float32),
        modality="MR",
        rescale=None,
        elements={"RealWorldValueMappingSequence": [item(0, 1, LUTData=[1.0, 2.0])]},
    )

    with pytest.raises(ReadError, match="cannot be applied to pixels of type float32"):
        read(tmp_path, value="rwv")


def test_a_parametric_map_without_a_usable_mapping_is_shown_as_stored_with_a_word(
    tmp_path: Path,
) -> None:
    path = parametric_map(
        tmp_path, STORED.astype(np.uint16), [mapping((0, 59), slope=2, intercept=0)]
    )
    dataset = dcmread(path)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    holder = shared if "RealWorldValueMappingSequence" in shared else None
    frames = [holder] if holder is not None else dataset.PerFrameFunctionalGroupsSequence
    for one in frames:
        del one.RealWorldValueMappingSequence
    dataset.save_as(path)

    volume = only(path)

    np.testing.assert_array_equal(values(volume), STORED)
    assert any("shown as stored: RealWorld" in text for text in volume.report.warnings)

"""Which number a stored value stands for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from napari_medvol import MedVolError, Volume, read
from napari_medvol.errors import DecodeError, ReadError
from napari_medvol.formats.dicom.header import Header
from napari_medvol.formats.dicom.offers import offers
from napari_medvol.formats.dicom.volumes import in_unit
from tests.phantoms.dicom import write_series, write_slice

STORED = np.arange(3 * 4 * 5).reshape(3, 4, 5)


def only(path: Path, **choices: Any) -> Volume:
    (volume,) = read(path, **choices)
    return volume


def values(volume: Volume) -> Any:
    return np.asarray(volume.data).T


@pytest.mark.parametrize(
    ("stored", "bits", "rescale", "expected"),
    [
        ("int16", 16, (1, 0), "int16"),
        ("int16", 16, None, "int16"),
        ("uint16", 12, (1, -1024), "int16"),
        ("uint16", 16, (1, -1024), "int16"),
        ("int16", 16, (1, -1024), "int16"),
        ("uint8", 8, (2, 0), "uint16"),
        ("uint16", 12, (4, -100), "int16"),
        ("uint16", 16, (0.5, 0), "float32"),
        ("uint16", 12, (1, 0.5), "float32"),
        ("uint16", 16, (0, 5), "uint16"),
    ],
)
def test_integers_stay_integers_where_they_can(
    tmp_path: Path,
    stored: str,
    bits: int,
    rescale: tuple[float, float] | None,
    expected: str,
) -> None:
    write_series(tmp_path, STORED.astype(stored), bits_stored=bits, rescale=rescale)

    volume = only(tmp_path)

    slope, intercept = rescale or (1, 0)
    assert volume.dtype == expected
    # A slope of 0 is no slope.
    real = STORED * (slope or 1) + intercept
    np.testing.assert_allclose(values(volume), real, rtol=1e-6)


def test_values_beyond_what_was_looked_at_are_an_error_never_wrapped(tmp_path: Path) -> None:
    stored = np.zeros((9, 4, 5), np.int16)
    stored[2, 0, 0] = -32768
    write_series(tmp_path, stored, rescale=(1, -1024))

    volume = only(tmp_path)

    assert volume.dtype == np.int16
    with pytest.raises(DecodeError, match="-33792 to -1024, outside int16"):
        np.asarray(volume.data)
    assert values(only(tmp_path, value="float"))[2, 0, 0] == -33792


def test_padding_that_does_not_fit_is_known_beforehand(tmp_path: Path) -> None:
    stored = np.zeros((9, 4, 5), np.int16)
    stored[2, 0, 0] = -32768
    write_series(tmp_path, stored, rescale=(1, -1024), padding=-32768)

    volume = only(tmp_path)

    assert volume.dtype == np.int32
    assert values(volume)[2, 0, 0] == -33792
    assert volume.display.padding == (-33792, -33792)


def test_stored_values_and_floats_can_be_asked_for(tmp_path: Path) -> None:
    write_series(tmp_path, STORED.astype(np.int16), rescale=(2, -24))

    stored, floating = only(tmp_path, value="stored"), only(tmp_path, value="float")

    np.testing.assert_array_equal(values(stored), STORED)
    assert (stored.dtype, stored.unit) == (np.int16, "")
    np.testing.assert_array_equal(values(floating), STORED * 2 - 24)
    assert (floating.dtype, floating.unit) == (np.float32, "HU")


def test_every_slice_of_a_pet_has_its_own_slope(tmp_path: Path) -> None:
    for k in range(3):
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[k].astype(np.int16),
            position=(0, 0, 3 * k),
            instance=k + 1,
            modality="PT",
            rescale=(0.5 + 0.1 * k, 0),
            elements={"Units": "BQML"},
        )

    volume = only(tmp_path)

    slopes = np.array([0.5, 0.6, 0.7])[:, None, None]
    np.testing.assert_allclose(values(volume), STORED * slopes, rtol=1e-6)
    assert (volume.dtype, volume.unit) == (np.float32, "Bq/ml")


def test_monochrome1_is_shown_inverted_and_its_values_are_kept(tmp_path: Path) -> None:
    write_series(tmp_path, STORED.astype(np.uint16), photometric="MONOCHROME1", rescale=None)

    volume = only(tmp_path)

    np.testing.assert_array_equal(values(volume), STORED)
    assert volume.display.inverted


@pytest.mark.parametrize("vr", ["US", "SS"])
def test_padding_is_in_stored_units_and_shown_in_real_ones(tmp_path: Path, vr: str) -> None:
    stored = -2000 if vr == "SS" else 2**16 - 2000  # the same bits, by a careless writer
    elements: Mapping[str | int, Any] = {0x00280120: (vr, stored), 0x00280121: ("SS", -1990)}
    write_series(
        tmp_path, STORED.astype(np.int16), modality="CT", rescale=(1, -1024), elements=elements
    )

    assert only(tmp_path).display.padding == (-3024, -3014)


def test_windows_keep_their_explanations(tmp_path: Path) -> None:
    elements = {
        "WindowCenter": ["40", "-600"],
        "WindowWidth": ["400", "1500"],
        "WindowCenterWidthExplanation": ["SOFT", "LUNG"],
    }
    write_series(tmp_path, STORED.astype(np.int16), elements=elements)

    windows = only(tmp_path).display.windows

    assert [(w.center, w.width, w.explanation) for w in windows] == [
        (40, 400, "SOFT"),
        (-600, 1500, "LUNG"),
    ]


def pet(folder: Path, **changes: Any) -> Path:
    """Write a PET whose every SUV input is given, but for `changes`."""
    item = Dataset()
    item.RadionuclideTotalDose = "370000000"
    item.RadionuclideHalfLife = "6588"
    item.RadiopharmaceuticalStartTime = "090000"
    item.RadiopharmaceuticalStartDateTime = ""
    for keyword in [k for k in changes if k in item]:
        value = changes.pop(keyword)
        if value is None:
            del item[keyword]
        else:
            setattr(item, keyword, value)
    elements = {
        "Units": "BQML",
        "CorrectedImage": ["ATTN", "DECY"],
        "DecayCorrection": "START",
        "SeriesDate": "20240102",
        "SeriesTime": "100000",
        "AcquisitionTime": "100100",
        "PatientWeight": "70",
        "PatientSize": "1.75",
        "PatientSex": "M",
        "RadiopharmaceuticalInformationSequence": [item],
        **changes,
    }
    write_series(
        folder, STORED.astype(np.int16) * 100, modality="PT", rescale=(2, 0), elements=elements
    )
    return folder


ACTIVITY = STORED * 200.0
DOSE = 370e6 * 2 ** (-3600 / 6588)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("suvbw", 70e3),
        ("suvlbm", (1.10 * 70 - 128 * (70 / 175) ** 2) * 1e3),
        ("suvbsa", 0.007184 * 70**0.425 * 175**0.725 * 1e4),
    ],
)
def test_suv_is_activity_by_body_over_decayed_dose(tmp_path: Path, kind: str, body: float) -> None:
    volume = only(pet(tmp_path), value=kind)

    np.testing.assert_allclose(values(volume), ACTIVITY * body / DOSE, rtol=1e-6)
    assert volume.unit.lower().startswith(kind)
    (formula,) = [f.text for f in volume.report.findings if f.kind == "suv"]
    for said in ("70", "3600 s", "6588 s", "3.7e+08 Bq"):
        assert said in formula


@pytest.mark.parametrize(
    ("keyword", "value", "kind"),
    [
        ("PatientWeight", "80", "suvbw"),
        ("PatientSize", "1.6", "suvlbm"),
        ("RadionuclideTotalDose", "185000000", "suvbw"),
    ],
)
def test_images_of_two_patients_or_injections_give_no_suv(
    keyword: str, value: str, kind: str, tmp_path: Path
) -> None:
    last = sorted(pet(tmp_path).iterdir())[-1]
    dataset = pydicom.dcmread(last)
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    setattr(item if keyword in item else dataset, keyword, value)
    dataset.save_as(last)

    with pytest.raises(ReadError, match=rf"do not agree on {keyword}: .* in {last.name}"):
        read(tmp_path, value=kind)
    assert only(tmp_path).unit == "Bq/ml"
    if keyword == "PatientSize":
        assert only(tmp_path, value="suvbw").unit.startswith("SUVbw")


def test_the_whole_header_of_an_image_is_read_once_for_all_kinds_of_suv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = only(pet(tmp_path))
    n_files, dataset = len(volume.report.files), Header.dataset
    asked: list[Path] = []

    def counted(header: Header) -> Dataset:
        asked.append(header.path)
        return dataset(header)

    monkeypatch.setattr(Header, "dataset", counted)

    able = {offer.value for offer in offers(volume) if not offer.why_not}
    in_unit(volume, "suvlbm")

    assert {"suvbw", "suvlbm", "suvbsa"} <= able
    # The first image is looked into once more for each formula.
    *others, most = sorted(Counter(asked).values())
    assert others == [1] * (n_files - 1)
    assert most <= 6


def test_decay_to_injection_needs_no_decay(tmp_path: Path) -> None:
    volume = only(pet(tmp_path, DecayCorrection="ADMIN"), value="suvbw")

    np.testing.assert_allclose(values(volume), ACTIVITY * 70e3 / 370e6, rtol=1e-6)


def test_a_series_stamped_after_its_images_counts_from_the_first_image(tmp_path: Path) -> None:
    late = only(pet(tmp_path, SeriesTime="180000", AcquisitionTime="100000"), value="suvbw")

    np.testing.assert_allclose(values(late), ACTIVITY * 70e3 / DOSE, rtol=1e-6)


def test_an_injection_before_midnight_is_of_the_day_before(tmp_path: Path) -> None:
    volume = only(
        pet(
            tmp_path,
            RadiopharmaceuticalStartTime="233000",
            SeriesTime="003000",
            AcquisitionTime="003100",
        ),
        value="suvbw",
    )

    np.testing.assert_allclose(values(volume), ACTIVITY * 70e3 / DOSE, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "kind", "why"),
    [
        ({"PatientWeight": None}, "suvbw", "PatientWeight is missing"),
        ({"PatientWeight": "0"}, "suvbw", "PatientWeight is missing or not above 0"),
        ({"PatientSize": None}, "suvlbm", "PatientSize is missing"),
        ({"PatientSex": "O"}, "suvlbm", "PatientSex is O"),
        ({"RadionuclideTotalDose": None}, "suvbw", "RadionuclideTotalDose is missing"),
        ({"RadionuclideHalfLife": None}, "suvbw", "RadionuclideHalfLife is missing"),
        ({"RadiopharmaceuticalStartTime": None}, "suvbw", "StartTime is missing"),
        ({"RadiopharmaceuticalInformationSequence": []}, "suvbw", "Sequence is missing"),
        ({"DecayCorrection": "NONE"}, "suvbw", "Decay Correction is NONE"),
        ({"CorrectedImage": ["ATTN"]}, "suvbw", "without ATTN and DECY"),
        ({"Units": "PROPCPS"}, "suvbw", "are PROPCPS, not BQML"),
        ({"Units": "CNTS"}, "suvbw", "(7053,1009) are missing"),
        ({"Units": "GML", "SUVType": "LBM"}, "suvbw", "are suvlbm already"),
    ],
)
def test_suv_is_refused_with_the_reason(
    tmp_path: Path, changes: dict[str, Any], kind: str, why: str
) -> None:
    pet(tmp_path, **changes)

    with pytest.raises(MedVolError) as caught:
        read(tmp_path, value=kind)
    assert why in str(caught.value)
    np.testing.assert_array_equal(values(only(tmp_path)), ACTIVITY)


def test_grams_per_millilitre_are_suv_already(tmp_path: Path) -> None:
    volume = only(pet(tmp_path, Units="GML"), value="suvbw")

    np.testing.assert_allclose(values(volume), ACTIVITY)


@pytest.mark.parametrize(
    ("private", "factor"),
    [({0x70531000: ("DS", "0.00042")}, 0.00042), ({0x70531009: ("DS", "3")}, 3 * 70e3 / DOSE)],
)
def test_philips_counts_have_private_factors(
    tmp_path: Path, private: dict[int, Any], factor: float
) -> None:
    creator = {0x70530010: ("LO", "Philips PET Private Group")}
    changes: dict[Any, Any] = {"Units": "CNTS", **creator, **private}
    folder = pet(tmp_path, **{str(k): v for k, v in changes.items() if isinstance(k, str)})
    import pydicom

    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        for tag, (vr, value) in {**creator, **private}.items():
            dataset.add_new(tag, vr, value)
        dataset.save_as(path)

    np.testing.assert_allclose(values(only(folder, value="suvbw")), ACTIVITY * factor, rtol=1e-6)


@pytest.mark.parametrize("tag", [0x70531000, 0x70531009])
def test_philips_factors_that_differ_from_slice_to_slice_are_applied_slice_by_slice(
    tmp_path: Path, tag: int
) -> None:
    import pydicom

    factors = [0.0004, 0.0005, 0.0007]
    for path, factor in zip(sorted(pet(tmp_path, Units="CNTS").iterdir()), factors, strict=True):
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x70530010, "LO", "Philips PET Private Group")
        dataset.add_new(tag, "DS", str(factor))
        dataset.save_as(path)

    volume = only(tmp_path, value="suvbw")

    rest = 1 if tag == 0x70531000 else 70e3 / DOSE
    wanted = ACTIVITY * np.array(factors)[:, None, None] * rest
    np.testing.assert_allclose(values(volume), wanted, rtol=1e-6)
    (formula,) = [f.text for f in volume.report.findings if f.kind == "suv"]
    assert f"by slice, from {factors[0] * rest:.6g} to {factors[2] * rest:.6g}" in formula


def test_a_slice_without_the_factor_of_the_others_is_refused_by_name(tmp_path: Path) -> None:
    import pydicom

    for path in sorted(pet(tmp_path, Units="CNTS").iterdir())[:2]:
        dataset = pydicom.dcmread(path)
        dataset.add_new(0x70530010, "LO", "Philips PET Private Group")
        dataset.add_new(0x70531000, "DS", "0.0004")
        dataset.save_as(path)

    with pytest.raises(MedVolError, match=r"\(7053,1000\) of 00003\.dcm is missing"):
        read(tmp_path, value="suvbw")


def test_philips_floating_point_is_over_both_slopes(tmp_path: Path) -> None:
    elements: Mapping[str | int, Any] = {
        0x20050010: ("LO", "Philips MR Imaging DD 001"),
        0x2005100E: ("FL", 0.25),
    }
    write_series(
        tmp_path,
        STORED.astype(np.int16),
        modality="MR",
        rescale=(2.5, 10),
        elements=elements,
    )

    display, floating = only(tmp_path), only(tmp_path, value="fp")

    np.testing.assert_allclose(values(display), STORED * 2.5 + 10)
    np.testing.assert_allclose(values(floating), (STORED * 2.5 + 10) / (2.5 * 0.25), rtol=1e-6)


def test_a_real_world_map_is_used_on_request(tmp_path: Path) -> None:
    mapping, code = Dataset(), Dataset()
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 3.0, -7.0
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "mm2/s", "UCUM", "mm2/s"
    mapping.MeasurementUnitsCodeSequence = [code]
    write_series(
        tmp_path,
        STORED.astype(np.int16),
        modality="MR",
        rescale=(2, 0),
        elements={"RealWorldValueMappingSequence": [mapping]},
    )

    volume = only(tmp_path, value="rwv")

    np.testing.assert_array_equal(values(volume), STORED * 3 - 7)
    assert volume.unit == "mm²/s"


@pytest.mark.parametrize("value", ["fp", "rwv", "nonsense"])
def test_what_a_file_lacks_is_named(tmp_path: Path, value: str) -> None:
    write_series(tmp_path, STORED.astype(np.int16))

    with pytest.raises(MedVolError, match=r"missing|is not for DICOM"):
        read(tmp_path, value=value)


def test_a_volume_can_be_shown_in_another_unit(tmp_path: Path) -> None:
    activity = only(pet(tmp_path))

    suv = in_unit(activity, "suvbw")

    np.testing.assert_allclose(values(suv), ACTIVITY * 70e3 / DOSE, rtol=1e-6)
    np.testing.assert_array_equal(suv.affine, activity.affine)
    np.testing.assert_array_equal(values(in_unit(suv, "real")), values(activity))


def test_float_pixels_are_read_as_they_are(tmp_path: Path) -> None:
    stored = np.linspace(-1, 1, 60, dtype=np.float32).reshape(3, 4, 5)
    write_series(tmp_path, stored, modality="MR", rescale=None)

    volume = only(tmp_path)

    assert volume.dtype == np.float32
    np.testing.assert_array_equal(values(volume), stored)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"PatientWeight": "70000"}, "PatientWeight is 70000 kg, which cannot be"),
        ({"RadionuclideTotalDose": "370"}, "RadionuclideTotalDose is 370 Bq, which cannot be"),
        ({"RadionuclideHalfLife": "1"}, "RadionuclideHalfLife is 1 s, which cannot be"),
        ({"RadiopharmaceuticalStartTime": "101000"}, "half-lives: dates or times were changed"),
        ({"RadiopharmaceuticalStartDateTime": "20230102090000"}, "half-lives"),
    ],
)
def test_inputs_that_cannot_be_are_refused_not_divided_by(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    pet(tmp_path, **changes)

    with pytest.raises(MedVolError) as caught:
        read(tmp_path, value="suvbw")
    assert why in str(caught.value)


def test_a_height_in_centimetres_is_refused(tmp_path: Path) -> None:
    pet(tmp_path, PatientSize="175")

    with pytest.raises(MedVolError, match="PatientSize is 175 m, which cannot be"):
        read(tmp_path, value="suvlbm")


def test_the_time_zone_of_the_injection_counts(tmp_path: Path) -> None:
    volume = only(
        pet(
            tmp_path,
            RadiopharmaceuticalStartDateTime="20240102070000+0000",
            TimezoneOffsetFromUTC="+0200",
        ),
        value="suvbw",
    )

    np.testing.assert_allclose(values(volume), ACTIVITY * 70e3 / DOSE, rtol=1e-6)


def test_slices_in_different_units_are_different_volumes(tmp_path: Path) -> None:
    for k in range(4):
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[0].astype(np.int16),
            position=(0, 0, 3 * k),
            instance=k + 1,
            modality="PT",
            elements={"Units": ("BQML", "GML")[k // 2]},
        )

    assert [v.unit for v in read(tmp_path)] == ["Bq/ml", "g/ml"]


def test_an_intercept_that_some_slices_lack_is_told_of(tmp_path: Path) -> None:
    for k in range(3):
        missing = {"RescaleIntercept": None} if k == 1 else {}
        write_slice(
            tmp_path / f"{k}.dcm",
            STORED[k].astype(np.int16),
            position=(0, 0, k),
            instance=k,
            rescale=(1, -1024),
            elements=missing,
        )

    assert "Rescale Intercept is missing in some images" in only(tmp_path).report.warnings[0]


def test_signed_and_unsigned_slices_are_told_of(tmp_path: Path) -> None:
    for k, dtype in enumerate(("int16", "uint16")):
        plane = STORED[k].astype(dtype)
        write_slice(tmp_path / f"{k}.dcm", plane, position=(0, 0, k), instance=k)

    assert any("signed" in text for text in only(tmp_path).report.warnings)

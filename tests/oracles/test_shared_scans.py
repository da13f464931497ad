"""Every real scan of the shared collection: right values at the right places in the world."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.conftest import DATA
from tests.oracles.shared import load

#: Cases of kinds that are not read yet, and why. They flip when they are done.
NOT_YET: dict[str, str] = {}

#: Cases whose reference we contradict, and why.
DISPUTED = {
    "nb_minc1_4d_mnc": "nibabel gives 4-D MINC files as (t, z, y, x) and an affine of (z, y, x);"
    " the reference took them for (i, j, k, t), so time counts as space",
}


def _cases() -> list[Any]:
    names = sorted(file.stem for file in (DATA / "expected").glob("*.json"))
    if not names:
        why = f"no real scans: {DATA} is absent, set MEDVOL_DATA"
        return [pytest.param("absent", marks=pytest.mark.skip(reason=why))]
    expected = {name: f"not yet: {why}" for name, why in NOT_YET.items()} | DISPUTED
    return [
        pytest.param(
            name,
            marks=pytest.mark.xfail(strict=True, reason=expected[name])
            if name in expected
            else (),
        )
        for name in names
    ]


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """Return the checker that lies beside the scans: it was not written with this project."""
    spec = importlib.util.spec_from_file_location("check_geometry", DATA / "check_geometry.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # On import it silences logging and warnings for the whole process.
        patch.setattr("logging.disable", lambda *_: None)
        patch.setattr("warnings.filterwarnings", lambda *_: None)
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", _cases())
def test_every_real_scan_lies_where_its_reference_says(
    name: str, data: Path, checker: ModuleType
) -> None:
    case = json.loads((data / "expected" / f"{name}.json").read_text())

    verdict, passed, details = checker.check_case(case, load(str(data / case["path"])))

    assert passed, f"{verdict}: {details}"


def test_the_checker_tells_a_shift_of_half_a_voxel(data: Path, checker: ModuleType) -> None:
    case = json.loads((data / "expected" / "sts002_ct.json").read_text())
    moved = []
    for array, affine, meta in load(str(data / case["path"])):
        shifted = affine.copy()
        shifted[:3, 3] += 0.5 * affine[:3, 0]
        moved.append((array, shifted, meta))

    assert not checker.check_case(case, moved)[1]


def test_the_checker_tells_a_mirrored_scan(data: Path, checker: ModuleType) -> None:
    case = json.loads((data / "expected" / "sts002_ct.json").read_text())
    mirrored = [
        (np.flip(array, 0), affine, meta) for array, affine, meta in load(str(data / case["path"]))
    ]

    assert not checker.check_case(case, mirrored)[1]

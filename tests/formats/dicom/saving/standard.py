"""What the standard asks of an object, by the tables of PS3.3 that highdicom ships."""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset

_SHARED = "SharedFunctionalGroupsSequence"
_PER_FRAME = "PerFrameFunctionalGroupsSequence"
#: PS3.3 tables A.36-2 and A.38-2: these are mandatory, in one or the other.
_GROUPS = {
    "enhanced-mr-image": ["MRImageFrameTypeSequence"],
    "enhanced-ct-image": ["CTImageFrameTypeSequence", "PixelValueTransformationSequence"],
}
_ALWAYS = ["PixelMeasuresSequence", "FrameContentSequence", "PlanePositionSequence",
           "PlaneOrientationSequence"]  # fmt: skip


def _table(name: str) -> Any:
    data = pkgutil.get_data("highdicom", f"_standard/{name}.json")
    assert data is not None
    return json.loads(data)


CLASSES = _table("sop_class_iod_map")
MODULES = _table("iod_module_map")
ATTRIBUTES = _table("module_attribute_map")


def faults(dataset: Dataset, also: tuple[str, ...] = ()) -> list[str]:
    """Return the mandatory elements that are missing, or empty where they may not be.

    Parameters
    ----------
    dataset : Dataset
    also : tuple of str
        Modules that are mandatory here, though not always.
    """
    modules = [
        row["key"]
        for row in MODULES[CLASSES[str(dataset.SOPClassUID)]]
        if row["usage"] == "M" or row["key"] in also
    ]
    found = [fault for module in modules for fault in _module_faults(dataset, module)]
    return found + list(_group_faults(dataset))


def _group_faults(dataset: Dataset) -> Iterator[str]:
    if _PER_FRAME not in dataset:
        return
    shared = dataset[_SHARED].value[0]
    for group in (*_ALWAYS, *_GROUPS.get(CLASSES[str(dataset.SOPClassUID)], [])):
        if not all((group in frame) != (group in shared) for frame in dataset[_PER_FRAME].value):
            yield f"{group} is not in one of shared and per-frame groups"


def _module_faults(dataset: Dataset, module: str) -> Iterator[str]:
    for row in ATTRIBUTES[module]:
        kind, keyword = row["type"], row["keyword"]
        if kind not in ("1", "2") or row["path"] in ([_SHARED], [_PER_FRAME]):
            continue  # functional groups are optional one by one; what is in them is not
        for item in _items(dataset, row["path"]):
            if keyword not in item:
                yield f"{module}: {'.'.join([*row['path'], keyword])} (type {kind}) is missing"
            elif kind == "1" and item[keyword].is_empty:
                yield f"{module}: {'.'.join([*row['path'], keyword])} (type 1) is empty"


def _items(dataset: Dataset, path: list[str]) -> list[Dataset]:
    """Return the items of nested sequences that are there: none asks nothing of them."""
    items = [dataset]
    for keyword in path:
        items = [inner for item in items for inner in item.get(keyword) or []]
    return items

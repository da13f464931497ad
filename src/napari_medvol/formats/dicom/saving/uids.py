"""UIDs that are the same for the same input and the same recipe, wherever they are made."""

from __future__ import annotations

import uuid
from hashlib import blake2b
from typing import Any

import numpy as np

from napari_medvol.formats.saving.choices import WriteChoices
from napari_medvol.formats.saving.slabs import slabs
from napari_medvol.recipe import Recipe
from napari_medvol.volume import Volume


class Uids:
    """Makes the UIDs of one series.

    Parameters
    ----------
    *seeds : object
        What the series is made of; equal for equals by ``repr``.
    """

    def __init__(self, *seeds: object) -> None:
        self._seed = blake2b("\0".join(map(repr, seeds)).encode()).digest()

    def of(self, *names: object) -> str:
        """Return the UID of a part of the series. PS3.5 B.2: a UUID as a decimal number."""
        made = blake2b(self._seed, digest_size=16)
        made.update("\0".join(map(repr, names)).encode())
        return f"2.25.{uuid.UUID(bytes=made.digest(), version=5).int}"


def uids_for(volume: Volume, series: str, choices: WriteChoices, *more: object) -> Uids:
    """Return the UIDs of a new series.

    They are those of its content, so that doing the same again, on another machine or with
    more workers, makes the same files, and anything else makes others.

    Parameters
    ----------
    volume : Volume
    series : str
        Series Instance UID of the source, empty if there is none.
    choices : WriteChoices
    *more : object
    """
    content = blake2b()
    for _, values in slabs(volume):
        content.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    steps = [(step.op, _settled(step.params)) for step in Recipe.of(volume).steps]
    asked = (choices.multiframe, str(choices.dtype), choices.scaling, _settled(choices.elements))
    affine = np.asarray(volume.affine, dtype="<f8").round(9) + 0.0
    return Uids(
        content.hexdigest(), series, steps, volume.shape, str(volume.dtype), affine.tolist(),
        [repr(axis) for axis in volume.axes], volume.kind, volume.labels, asked, more,
    )  # fmt: skip


def _settled(mapping: Any) -> list[tuple[str, str]]:
    return sorted((str(name), repr(value)) for name, value in dict(mapping).items())

"""Resample: another grid for a scan, its memory said before it is taken."""

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np
from magicgui.widgets import ComboBox, LineEdit, PushButton
from qtpy.QtWidgets import QLabel

from napari_medvol import affines
from napari_medvol.budget import BUDGET, bytes_text
from napari_medvol.errors import MedVolError, StepError
from napari_medvol.ops.grids import grid_after, resized_grid
from napari_medvol.ops.resample import INTERPOLATIONS, antialias, needed_bytes
from napari_medvol.viewer.live import live_volume
from napari_medvol.viewer.widgets.panel import LayerBox, acting
from napari_medvol.viewer.widgets.stepping import Job, SteppingPanel, applying
from napari_medvol.volume import Step, Volume

SIZES: Final = "Voxels of a size"
FACTORS: Final = "Every n-th voxel"
ONTO: Final = "The grid of a layer"
WORLD: Final = "Along the axes of the world"

_ERROR: Final = "color: #e0604f"
_NO_BLUR: Final = (0.0, 0.0, 0.0)


class ResampleWidget(SteppingPanel):
    """Choose a grid, read what it takes, apply.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Resample")
        self.layer = LayerBox(self.viewer, label="Layer")
        self.grid = ComboBox(choices=[SIZES, FACTORS, ONTO, WORLD], label="To")
        self.zooms = LineEdit(
            label="Voxel size, mm", tooltip="Along i, j, k: one number, or three"
        )
        self.isotropic = PushButton(text="Isotropic, the finest")
        self.factors = LineEdit(
            value="2 2 2",
            label="Every n-th voxel",
            tooltip="n along i, j, k: one number, or three",
        )
        self.other = LayerBox(self.viewer, label="Grid of")
        self.interpolation = ComboBox(choices=list(INTERPOLATIONS), label="Between voxels")
        self.interpolation.tooltip = (
            "auto: linear for images, nearest for labels. majority: each new voxel gets the"
            " label that fills most of it."
        )
        self.blur = LineEdit(label="Blur (voxels)")
        self.blur.tooltip = (
            "Against aliasing where voxels become larger: 0.5·√(f² − 1) old voxels. 0 for none."
        )
        self.extend(
            [
                self.layer, self.grid, self.zooms, self.isotropic, self.factors, self.other,
                self.interpolation, self.blur, self.in_place, self.hide_source, self.bar,
                self.buttons,
            ]
        )  # fmt: skip
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.add_native(self.about)
        self.connect(self.layer.changed, self._on_layer)
        for part in (self.grid, self.zooms, self.factors, self.other):
            self.connect(part.changed, self._on_grid)
        for part in (self.blur, self.interpolation):
            self.connect(part.changed, self._tell)
        self.connect(self.isotropic.changed, self.make_isotropic)
        self._on_layer()

    def make_isotropic(self, *_: Any) -> None:
        """Ask for cubes as fine as the finest side of the voxels."""
        volume = self._volume()
        if volume is not None:
            self.zooms.value = f"{min(volume.zooms[:3]):.6g}"

    def jobs(self) -> list[Job]:
        """Return the work: one layer, one step."""
        layer = self.layer.value
        if layer is None:
            raise StepError("Resample", "there is no image or labels layer", "Open a scan")
        return [applying(layer, [self.step()])]

    def step(self) -> Step:
        """Return the step that the form says.

        Raises
        ------
        StepError
            If it says none.
        """
        volume = self._volume()
        if volume is None:
            raise StepError("Resample", "there is no image or labels layer", "Open a scan")
        how = {"interpolation": self.interpolation.value}
        chosen = self.grid.value
        if chosen == WORLD:
            return Step("world_aligned", how)
        blur = self._blur()
        if chosen == FACTORS:
            return Step("downsample", {"factors": self._factors(), "blur": blur})
        if chosen == SIZES:
            return self._sized(volume, blur, how)
        return Step("resample", {**self._other_grid(), **how, "blur": blur})

    def _sized(self, volume: Volume, blur: Sequence[float], how: dict[str, Any]) -> Step:
        sizes = numbers_of(self.zooms.value, "voxel size")
        shape, grid = resized_grid(volume, sizes)
        usual = self._usual_blur(volume)
        if not any(blur) or np.allclose(blur, usual, atol=1e-3):
            return Step("resize", {"zooms": sizes, **how, "antialiased": any(blur)})
        params = {"shape": shape, "affine": grid.tolist(), **how, "blur": blur}
        return Step("resample", params)

    def _other_grid(self) -> dict[str, Any]:
        other = self.other.value
        if other is None or other is self.layer.value:
            raise StepError(
                "Resample", "it needs another layer, whose grid it takes", "Choose one"
            )
        volume = live_volume(other)
        return {"shape": list(volume.shape[:3]), "affine": volume.affine.tolist()}

    def _factors(self) -> list[int]:
        factors = numbers_of(self.factors.value, "factor")
        if not all(float(f).is_integer() for f in factors):
            raise StepError(
                "Resample", f"{self.factors.value!r} are no whole numbers", "Give 2 2 1"
            )
        return [int(f) for f in factors]

    def _blur(self) -> list[float]:
        return numbers_of(self.blur.value or "0", "blur")

    def _volume(self) -> Volume | None:
        return None if self.layer.value is None else live_volume(self.layer.value)

    def _usual_blur(self, volume: Volume) -> Sequence[float]:
        """Return the blur that keeps the grid asked for from aliasing."""
        chosen = self.grid.value
        if volume.kind == "labels" or chosen == WORLD:
            return _NO_BLUR
        if chosen == FACTORS:
            return antialias(self._factors())
        if chosen == SIZES:
            sizes = np.array(numbers_of(self.zooms.value, "voxel size"))
            return antialias((sizes / affines.zooms(volume.affine)).tolist())
        grid = np.asarray(self._other_grid()["affine"])
        apart = np.linalg.inv(volume.affine)[:3, :3] @ grid[:3, :3]
        return antialias(np.abs(apart).max(axis=1).tolist())

    def _show_working(self, is_working: bool) -> None:
        super()._show_working(is_working)
        if not is_working:
            self._tell()

    # -- what is shown ------------------------------------------------------------------------

    @acting
    def _on_layer(self, *_: Any) -> None:
        self.say("")
        volume = self._volume()
        if volume is not None:
            self.zooms.value = " ".join(f"{zoom:.6g}" for zoom in volume.zooms[:3])
        self._on_grid()

    def _on_grid(self, *_: Any) -> None:
        chosen = self.grid.value
        for part in (self.zooms, self.isotropic):
            part.visible = chosen == SIZES
        self.factors.visible = chosen == FACTORS
        self.other.visible = chosen == ONTO
        self.blur.visible = chosen != WORLD
        # The blur keeps voxels where they are: nothing lies between them to interpolate.
        self.interpolation.visible = chosen != FACTORS
        volume = self._volume()
        if volume is not None:
            with suppress(MedVolError):
                self.blur.value = " ".join(f"{s:.4g}" for s in self._usual_blur(volume))
        self._tell()

    def _tell(self, *_: Any) -> None:
        """Say what the grid would be, and what it would take."""
        volume = self._volume()
        self.run.enabled = False
        if volume is None:
            self.about.setText("")
            return
        try:
            shape, grid = grid_after(volume, self.step())
        except MedVolError as error:
            self.about.setText(error.why)
            self.about.setStyleSheet(_ERROR)
            return
        needed = needed_bytes(volume, shape)
        fits = needed <= BUDGET.limit
        before, after = (" × ".join(map(str, s[:3])) for s in (volume.shape, shape))
        sizes = " × ".join(f"{zoom:.4g}" for zoom in affines.zooms(grid))
        text = f"{before} → {after}, {sizes} mm; {bytes_text(needed)}"
        if not fits:
            text += f", more than the {bytes_text(BUDGET.limit)} allowed. Ask for larger voxels,"
            text += " or crop first."
        self.run.enabled = fits and not self.is_working
        self.about.setText(text)
        self.about.setStyleSheet("" if fits else _ERROR)


def numbers_of(text: str, what: str) -> list[float]:
    """Return three numbers of a text that holds one or three.

    Raises
    ------
    StepError
        If it does not.
    """
    try:
        numbers = [float(word) for word in re.split(r"[\s,;×x]+", text.strip())]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise StepError("Resample", f"{text!r} is no {what}", "Give one number, or three")
    return numbers * 3 if len(numbers) == 1 else numbers

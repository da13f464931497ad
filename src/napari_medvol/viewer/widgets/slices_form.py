"""The questions of Export slices, and the settings that the answers make."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from magicgui.types import FileDialogMode
from magicgui.widgets import (
    CheckBox,
    ComboBox,
    Container,
    FileEdit,
    FloatSpinBox,
    LineEdit,
    SpinBox,
    Widget,
)

from napari_medvol.errors import StepError
from napari_medvol.viewer.widgets.panel import LayerBox
from napari_medvol.views.planes import PLANES, Plane
from napari_medvol.views.slices import Settings

#: What is asked for in one choice: format and bits.
KINDS: Final[dict[str, tuple[Any, int]]] = {
    "PNG": ("png", 8),
    "PNG, 16 bits: true values": ("png", 16),
    "JPEG": ("jpeg", 8),
    "TIFF": ("tiff", 8),
    "TIFF, 16 bits: true values": ("tiff", 16),
    "TIFF stack for ImageJ": ("tiff stack", 8),
    "TIFF stack, 16 bits: true values": ("tiff stack", 16),
    "Animated GIF": ("gif", 8),
    "Montage (PNG)": ("montage", 8),
}
VISIBLE, ONE = "What is visible", "One layer's data"
ALL, CURRENT, RANGE = "All", "The current one", "From – to"
LAYER_WINDOW = "As the layer shows"
WINDOWS: Final = {
    LAYER_WINDOW: "",
    "Percentiles 0.5–99.5 %": "percentile",
    "Every value there is": "full",
}
SMALLEST, VOXEL, OTHER = "Smallest voxel size", "A pixel a voxel", "Other"
PIXELS: Final = (SMALLEST, "1 mm", VOXEL, OTHER)


class SlicesForm(Container[Widget]):
    """Everything that can be chosen of an export.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__(labels=True)
        self.native.layout().setContentsMargins(0, 0, 0, 0)
        self.what = ComboBox(label="Pictures of", choices=(VISIBLE, ONE))
        self.layer = LayerBox(viewer, label="Layer")
        self.masks = LayerBox(
            viewer, ("labels",), nullable=True, label="Masks", tooltip="Labels on the same pixels"
        )
        self.planes = {plane: CheckBox(value=plane == "axial", text=plane) for plane in PLANES}
        self.which = ComboBox(label="Slices", choices=(ALL, CURRENT, RANGE))
        self.first = SpinBox(label="From", value=0, max=99999)
        self.last = SpinBox(label="To", value=0, max=99999)
        self.step = SpinBox(label="Every", value=1, min=1, max=9999)
        self.frames = ComboBox(label="Frames", choices=("The current one", ALL))
        self.kind = ComboBox(label="Format", choices=tuple(KINDS))
        self.quality = SpinBox(label="Quality", value=90, min=1, max=100)
        self.tiles = SpinBox(label="Tiles across", value=5, min=1, max=99)
        self.tiles_down = SpinBox(label="Tiles down", value=4, min=1, max=99)
        self.fps = SpinBox(label="A second", value=10, min=1, max=50)
        self.window = ComboBox(label="Window", choices=tuple(WINDOWS))
        self.pixel = ComboBox(label="Pixel size", choices=PIXELS)
        self.pixel_mm = FloatSpinBox(label="mm", value=1.0, min=0.01, max=100, step=0.1)
        self.interpolation = ComboBox(label="Between", choices=("linear", "nearest", "cubic"))
        self.convention = ComboBox(label="Sides", choices=("radiological", "neurological"))
        self.letters = CheckBox(text="letters", tooltip="R, L, A, P, S, I")
        self.scale_bar = CheckBox(text="scale bar")
        self.position = CheckBox(text="place", tooltip="mm along R, A or S")
        self.template = LineEdit(
            label="Names",
            tooltip="{plane}, {axis}, {index:04d}, {frame}, {position:.1f}, {name}; / for folders",
        )
        self.template.native.setPlaceholderText("{plane}_{index:04d}")
        self.folder = FileEdit(label="Folder", mode=FileDialogMode.EXISTING_DIRECTORY)
        self.allow = CheckBox(text="Names and pixels may tell who the patient is")
        self.overwrite = CheckBox(text="Overwrite files that are there")
        self.extend(
            [
                self.what,
                self.layer,
                self.masks,
                _row("Planes", *self.planes.values()),
                self.which,
                self.first,
                self.last,
                self.step,
                self.frames,
                self.kind,
                self.quality,
                self.tiles,
                self.tiles_down,
                self.fps,
                self.window,
                self.pixel,
                self.pixel_mm,
                self.interpolation,
                self.convention,
                _row("Draw", self.letters, self.scale_bar, self.position),
                self.template,
                self.folder,
                self.allow,
                self.overwrite,
            ]
        )
        for box in (self.what, self.which, self.kind, self.pixel):
            box.changed.connect(self.show_what_matters)
        self.show_what_matters()

    def show_what_matters(self, *_: Any) -> None:
        """Hide the questions that other answers make pointless."""
        kind, depth = KINDS[self.kind.value]
        is_one, is_range = self.what.value == ONE, self.which.value == RANGE
        matters: dict[Widget, bool] = {
            self.layer: is_one,
            self.window: is_one,
            self.first: is_range,
            self.last: is_range,
            self.step: self.which.value != CURRENT,
            self.quality: kind == "jpeg",
            self.tiles: kind == "montage",
            self.tiles_down: kind == "montage",
            self.fps: kind == "gif",
            self.pixel_mm: self.pixel.value == OTHER,
            self.letters: depth == 8,
            self.scale_bar: depth == 8,
            self.position: depth == 8,
        }
        for widget, is_shown in matters.items():
            widget.visible = is_shown

    @property
    def is_one_layer(self) -> bool:
        """Whether one layer's data are asked for, not what is visible."""
        return bool(self.what.value == ONE)

    @property
    def every_frame(self) -> bool:
        """Whether all frames are asked for."""
        return bool(self.frames.value == ALL)

    def folder_asked(self) -> Path:
        """Return the folder.

        Raises
        ------
        StepError
            If none was chosen.
        """
        text = str(self.folder.value).strip()
        if text in ("", "."):
            raise StepError("slices", "no folder is chosen", "Choose where the pictures go")
        return Path(text)

    def settings(self, current: dict[Plane, int], window: Any) -> Settings:
        """Return what is asked for.

        Parameters
        ----------
        current : dict of plane to int
            The slice that the viewer shows, of each plane that may be asked for.
        window : (low, high), str or None
            What black and white are, where the layer says so.

        Raises
        ------
        StepError
            If the answers do not make sense.
        """
        kind, depth = KINDS[self.kind.value]
        settings = Settings(
            planes=tuple(plane for plane, box in self.planes.items() if box.value),
            slices=self._slices(current),
            pixel_mm=self._pixel(),
            interpolation=self.interpolation.value,
            convention=self.convention.value,
            window=window,
            format=kind,
            depth=depth,
            quality=self.quality.value,
            grid=(self.tiles_down.value, self.tiles.value) if kind == "montage" else None,
            fps=float(self.fps.value),
            name=self.template.value.strip(),
        )
        if depth == 16:
            return settings
        return replace(
            settings,
            letters=self.letters.value,
            scale_bar=self.scale_bar.value,
            position=self.position.value,
        )

    def _slices(self, current: dict[Plane, int]) -> Any:
        if self.which.value == CURRENT:
            return {plane: [number] for plane, number in current.items()}
        if self.which.value == ALL:
            return None if self.step.value == 1 else slice(None, None, self.step.value)
        first, last = self.first.value, self.last.value
        if last < first:
            raise StepError("slices", f"{first} to {last} are none", "Give the lower number first")
        return slice(first, last + 1, self.step.value)

    def _pixel(self) -> Any:
        chosen: dict[str, Any] = {SMALLEST: None, "1 mm": 1.0, VOXEL: "voxel"}
        return chosen.get(self.pixel.value, self.pixel_mm.value)


def _row(label: str, *parts: Widget) -> Container[Widget]:
    row = Container(widgets=list(parts), layout="horizontal", labels=False, label=label)
    row.native.layout().setContentsMargins(0, 0, 0, 0)
    return row

"""Values: what voxels hold, frames and slabs; what would be lost is said before."""

from collections.abc import Callable
from typing import Any, Final, cast

from magicgui.widgets import (
    ComboBox,
    FloatSpinBox,
    LineEdit,
    PushButton,
    SpinBox,
    Widget,
)
from qtpy.QtWidgets import QLabel

from napari_medvol import affines
from napari_medvol.errors import StepError
from napari_medvol.ops.frames import split
from napari_medvol.viewer.live import live_volume
from napari_medvol.viewer.volumes import volume_of
from napari_medvol.viewer.widgets.panel import LayerBox, acting
from napari_medvol.viewer.widgets.stepping import Job, SteppingPanel, applying
from napari_medvol.views.losses import Loss, loss_of
from napari_medvol.views.windows import presets
from napari_medvol.volume import Step, Volume

_DTYPES: Final = ("uint8", "int16", "uint16", "int32", "float32", "float64")
_INTEGERS: Final = ("uint8", "int16", "uint16", "int32")
_PLANES: Final = {"axial": 2, "coronal": 1, "sagittal": 0}
_REACH: Final = 1e9

SPLIT: Final = "Split into layers"

#: What is offered, the operation behind it, and the parts of the form that it needs.
ACTS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "Type of numbers": ("astype", ("dtype",)),
    "Spread over integers": ("rescale", ("integers", "low", "high")),
    "Window baked in": ("window", ("preset", "center", "width")),
    "Clip": ("clip", ("low", "high")),
    "Value × slope + intercept": ("scale", ("slope", "intercept", "unit")),
    "Round": ("round_values", ()),
    "Part of complex values": ("part", ("part",)),
    "Image ↔ labels": ("as_kind", ()),
    "One frame": ("frame", ("axis", "index")),
    "Range of frames": ("frames", ("axis", "first", "end", "every")),
    "Over all frames": ("over_frames", ("axis", "how")),
    SPLIT: ("", ("axis",)),
    "Thick slabs": ("slab", ("plane", "n", "every", "slab_how")),
}

#: Their loss can be told beforehand.
_LOSSY: Final = ("astype", "rescale", "window", "clip", "round_values")


class ValuesWidget(SteppingPanel):
    """Choose what to do with values, see what it would lose, apply.

    Parameters
    ----------
    viewer : Viewer
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:  # type: ignore[name-defined]  # noqa: F821
        super().__init__(viewer, "Apply")
        self.layer = LayerBox(self.viewer, label="Layer")
        self.act = ComboBox(choices=list(ACTS), label="Do")
        self.parts: dict[str, Widget] = _parts(self._axes, self._presets)
        self.look = PushButton(text="What would be lost?")
        self.extend(
            [
                self.layer, self.act, *self.parts.values(), self.look, self.in_place,
                self.hide_source, self.bar, self.buttons,
            ]
        )  # fmt: skip
        self.about, self.loss_said = QLabel(), QLabel()
        #: What was found to be lost, last.
        self.loss: Loss | None = None
        for label in (self.about, self.loss_said):
            label.setWordWrap(True)
            self.add_native(label)
        self.connect(self.layer.changed, self._on_layer)
        self.connect(self.act.changed, self._on_act)
        self.connect(self.look.changed, self.preview)
        self.connect(cast(Any, self.parts["preset"]).changed, self._on_preset)
        for part in self.parts.values():
            self.connect(cast(Any, part).changed, self._forget_loss)
        self._on_layer()

    def value(self, name: str) -> Any:
        """Return what a part of the form holds."""
        return cast(Any, self.parts[name]).value

    def jobs(self) -> list[Job]:
        """Return the work: one layer, one step, or its frames apart."""
        layer = self._layer()
        if self.act.value == SPLIT:
            volume, axis = volume_of(layer), self._axis()
            return [(layer, lambda tell: split(volume, axis))]
        return [applying(layer, [self.step()])]

    def step(self) -> Step:
        """Return the step that the form says.

        Raises
        ------
        StepError
            If it says none.
        """
        op, _ = ACTS[self.act.value]
        if not op:
            raise StepError("Values", "frames taken apart are several scans", "Apply it")
        return Step(op, getattr(self, f"_of_{op}")())

    def _layer(self) -> Any:
        if self.layer.value is None:
            raise StepError("Values", "there is no image or labels layer", "Open a scan")
        return self.layer.value

    def _volume(self) -> Volume:
        return live_volume(self._layer())

    # -- parameters of each operation -----------------------------------------------------------

    def _of_astype(self) -> dict[str, Any]:
        return {"dtype": self.value("dtype")}

    def _of_rescale(self) -> dict[str, Any]:
        return {**self._of_clip(), "dtype": self.value("integers")}

    def _of_clip(self) -> dict[str, Any]:
        return {name: _number(self.value(name), name) for name in ("low", "high")}

    def _of_window(self) -> dict[str, Any]:
        return {name: float(self.value(name)) for name in ("center", "width")}

    def _of_scale(self) -> dict[str, Any]:
        given = {name: self.value(name) for name in ("slope", "intercept")}
        return {**given, "unit": self.value("unit").strip()}

    def _of_round_values(self) -> dict[str, Any]:
        return {}

    def _of_part(self) -> dict[str, Any]:
        return {"part": self.value("part")}

    def _of_as_kind(self) -> dict[str, Any]:
        return {"kind": "image" if self._volume().kind == "labels" else "labels"}

    def _of_frame(self) -> dict[str, Any]:
        return {"index": self.value("index"), "axis": self._axis()}

    def _of_frames(self) -> dict[str, Any]:
        end = self.value("end").strip()
        stop = None if not end else int(_number(end, "end") or 0)
        given = {"start": self.value("first"), "stop": stop, "step": self.value("every")}
        return {**given, "axis": self._axis()}

    def _of_over_frames(self) -> dict[str, Any]:
        return {"how": self.value("how"), "axis": self._axis()}

    def _of_slab(self) -> dict[str, Any]:
        world = _PLANES[self.value("plane")]
        axes = affines.orientation(self._volume().affine)[:, 0]
        axis = [int(a) for a in axes].index(world)
        given = {"n": self.value("n"), "step": self.value("every")}
        return {"axis": axis, **given, "how": self.value("slab_how")}

    def _axis(self) -> str:
        name = self.value("axis")
        if not name:
            raise StepError("Values", "the layer has no axis but those of space", "Choose another")
        return str(name)

    # -- what is shown ------------------------------------------------------------------------

    def _axes(self, *_: Any) -> list[str]:
        if self.layer.value is None:
            return []
        return [axis.name for axis in self._volume().axes if axis.name != "rgb"]

    def _presets(self, *_: Any) -> list[tuple[str, Any]]:
        if self.layer.value is None:
            return [("own", None)]
        volume = self._volume()
        offered = [*presets(volume), *volume.display.windows]
        named = {f"{w.explanation} {w.center:g}/{w.width:g}".strip(): w for w in offered}
        return [("own", None), *named.items()]

    @acting
    def _on_layer(self, *_: Any) -> None:
        self.say("")
        for name in ("axis", "preset"):
            cast(ComboBox, self.parts[name]).reset_choices()
        self._on_act()
        layer = self.layer.value
        self.run.enabled = layer is not None and not self.is_working
        self.about.setText("" if layer is None else _about(self._volume()))

    def _on_act(self, *_: Any) -> None:
        op, needed = ACTS[self.act.value]
        for name, part in self.parts.items():
            part.visible = name in needed
        self.look.visible = op in _LOSSY
        self._forget_loss()

    def _on_preset(self, *_: Any) -> None:
        window = self.value("preset")
        if window is not None:
            cast(Any, self.parts["center"]).value = window.center
            cast(Any, self.parts["width"]).value = window.width

    def _forget_loss(self, *_: Any) -> None:
        self.loss = None
        self.loss_said.setText("")

    @acting
    def preview(self, *_: Any) -> None:
        """Say what the step would lose; values are counted in a thread."""
        volume, step = volume_of(self._layer()), self.step()

        def show(loss: Loss) -> None:
            self.loss = loss
            self.loss_said.setText(str(loss))

        self.behind(lambda tell: loss_of(volume, step, tell), show)


def _parts(axes: Callable[..., Any], windows: Callable[..., Any]) -> dict[str, Widget]:
    """Return the parts of the form by name."""
    hows = ["mean", "sd", "min", "max", "sum", "median"]
    return {
        "dtype": ComboBox(choices=list(_DTYPES), value="float32", label="Type"),
        "integers": ComboBox(choices=list(_INTEGERS), label="Type"),
        "low": LineEdit(label="From", tooltip="Empty: the lowest"),
        "high": LineEdit(label="To", tooltip="Empty: the highest"),
        "preset": ComboBox(choices=windows, label="Window"),
        "center": _real(40.0, "Level"),
        "width": _real(400.0, "Width"),
        "slope": _real(1.0, "Slope"),
        "intercept": _real(0.0, "Intercept"),
        "unit": LineEdit(label="Unit"),
        "part": ComboBox(choices=["magnitude", "phase", "real", "imaginary"], label="Part"),
        "axis": ComboBox(choices=axes, label="Axis"),
        "index": SpinBox(value=0, min=0, max=10**6, label="Frame"),
        "first": SpinBox(value=0, min=0, max=10**6, label="First frame"),
        "end": LineEdit(label="Before frame", tooltip="Empty: to the last"),
        "how": ComboBox(choices=hows, label="Their"),
        "plane": ComboBox(choices=list(_PLANES), label="Plane"),
        "n": SpinBox(value=5, min=1, max=10**5, label="Planes a slab"),
        "every": SpinBox(value=1, min=1, max=10**5, label="Every"),
        "slab_how": ComboBox(
            choices=[("mean", "mean"), ("MIP", "max"), ("MinIP", "min")], label="Their"
        ),
    }


def _real(value: float, label: str) -> FloatSpinBox:
    return FloatSpinBox(value=value, min=-_REACH, max=_REACH, step=0.001, label=label)


def _number(text: str, what: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError as error:
        raise StepError("Values", f"{text!r} is no number", f"Mend {what}") from error


def _about(volume: Volume) -> str:
    shape = " × ".join(map(str, volume.shape))
    axes = [
        f"{axis.name}: {n} every {axis.step:g} {axis.unit}".rstrip()
        for axis, n in zip(volume.axes, volume.shape[3:], strict=True)
        if axis.name != "rgb"
    ]
    return "; ".join([f"{shape} {volume.dtype} {volume.unit}".rstrip(), *axes])

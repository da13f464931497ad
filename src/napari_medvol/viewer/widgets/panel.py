"""What all dock widgets share: a status line, callbacks that end with them, a box of layers."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import wraps
from typing import Any, Concatenate, Final, Literal, ParamSpec, Protocol, TypeVar

from magicgui.widgets import ComboBox, Container, Widget
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_medvol.errors import MedVolError
from napari_medvol.formats.row import Progress
from napari_medvol.viewer.notify import in_short
from napari_medvol.viewer.waiting import CancelledError, Task
from napari_medvol.viewer.widgets.room import Room

LayerKind = Literal["image", "labels"]

P = ParamSpec("P")
T = TypeVar("T")


class Speaking(Protocol):
    """What has a status line: a panel, or a part of one."""

    @property
    def spoken(self) -> int:
        """How many lines were written so far."""

    @property
    def failed(self) -> bool:
        """Whether the line is an error."""

    def say(self, text: str, error: bool = False) -> None:
        """Write the status line."""


Speaker = TypeVar("Speaker", bound=Speaking)

_CLASSES: Final = {"image": Image, "labels": Labels}
_LAYER_EVENTS: Final = ("inserted", "removed", "reordered", "renamed")
_ERROR: Final = "color: #e0604f"
_WIDEST_NAME: Final = 16
#: Work that is done sooner is waited for; else looked after so often.
_MOMENT_S: Final = 0.05
_POLL_MS: Final = 30

_LOG: Final = logging.getLogger("napari_medvol")

#: What disconnecting raises where the other side is gone already.
_GONE: Final = (RuntimeError, TypeError, ValueError, KeyError)


class Panel(Container[Widget]):
    """A dock widget of this plugin.

    Forms come first, then what :meth:`add_native` is given; they scroll where the window has
    less room than they want. The status line is right below, always in sight. When the dock
    widget is closed, every connection made by :meth:`connect` is undone, and the Qt side is
    deleted; hiding, floating and docking it elsewhere change nothing.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    labels : bool
        Whether magicgui writes the names of the parts beside them.
    """

    def __init__(self, viewer: Any, *, labels: bool = True) -> None:
        super().__init__(labels=labels)
        # napari hands plugins a proxy whose layers are never `is` the layers of events.
        self.viewer = getattr(viewer, "__wrapped__", viewer)
        self._undo: list[Callable[[], Any]] = []
        self._is_closed = False
        self._was_docked = False
        #: How many lines were written so far, and whether the last one is an error.
        self.spoken, self.failed = 0, False
        self._status = _status_line()
        self._room = self._scrolling()
        self.native_parent_changed.connect(self._on_parent)
        self.native.destroyed.connect(self._release)

    @property
    def is_closed(self) -> bool:
        """Whether the panel was closed for good."""
        return self._is_closed

    @property
    def status(self) -> str:
        """What the status line says."""
        return str(self._status.text())

    def say(self, text: str, error: bool = False) -> None:
        """Write one line under the widget; an empty text takes the line away.

        Parameters
        ----------
        text : str
            Plain: what a file says is never taken for markup.
        error : bool
            Whether it is to stand out.
        """
        if self._is_closed:
            return
        self.spoken, self.failed = self.spoken + 1, error
        self._status.setText(text)
        self._status.setStyleSheet(_ERROR if error else "")
        self._status.setVisible(bool(text))

    def say_error(self, error: Exception) -> None:
        """Say why work failed; what nobody foresaw is logged, and said so that it is reported."""
        if isinstance(error, MedVolError):
            self.say(in_short(error), error=True)
        elif isinstance(error, MemoryError):
            size = f" ({error})" if str(error) else ""
            text = f"There is not enough memory{size}; nothing was changed. Close other layers or"
            self.say(f"{text} programs, or ask for less: a crop first, larger voxels.", error=True)
        else:
            _LOG.error("%s failed", type(self).__name__, exc_info=error)
            text = f"It failed, and nothing was changed: {type(error).__name__}: {error}."
            self.say(f"{text} This is a fault of the plugin: please report it.", error=True)

    def connect(self, emitter: Any, callback: Callable[..., Any]) -> None:
        """Connect `callback` until the panel is closed.

        Parameters
        ----------
        emitter : EventEmitter, SignalInstance or Qt signal
            Whatever has ``connect`` and ``disconnect``.
        callback : callable
        """
        emitter.connect(callback)
        self.at_close(lambda: emitter.disconnect(callback))

    def at_close(self, undo: Callable[[], Any]) -> None:
        """Call `undo` when the panel is closed; what was asked for last is done first."""
        self._undo.append(undo)

    def behind(self, do: Callable[[Progress], T], then: Callable[[T], None]) -> "Task[T]":
        """Do work in a thread, then call `then` with its result in this one.

        What is done in a moment is waited for. Errors that a user can act on are said in the
        status line. Work that was cancelled, or whose panel was closed, has no sequel.

        Parameters
        ----------
        do : callable
            Takes a progress callable, gives the result: no Qt, no napari.
        then : callable
        """
        task: Task[T] = Task(do)
        poll = QTimer(self.native)

        def look() -> None:
            if task.is_alive():
                return
            poll.stop()
            with suppress(ValueError):
                self._undo.remove(task.cancel)
            try:
                result = task.result()
            except CancelledError:
                return
            except Exception as error:  # whatever a library raised in the thread
                self.say_error(error)
                return
            try:
                then(result)
            except MedVolError as error:
                self.say_error(error)

        task.start()
        task.join(_MOMENT_S)
        poll.timeout.connect(look)
        if task.is_alive():
            poll.start(_POLL_MS)
            self.at_close(task.cancel)
        else:
            look()
        return task

    def add_native(self, widget: QWidget, stretch: int = 0) -> None:
        """Put a Qt widget under what is there, above the status line."""
        self._room.add(widget, stretch)
        if stretch:
            outside = self.native.layout()
            outside.setStretchFactor(self._room, 1)
            outside.setStretch(outside.count() - 1, 0)

    def close(self) -> None:
        """Close for good."""
        self._release()
        with suppress(RuntimeError):
            super().close()
            self.native.deleteLater()

    def _scrolling(self) -> Room:
        """Put the layout that magicgui fills into a room that scrolls, the status line below."""
        native = self.native
        room = Room(native.layout())
        outside = QVBoxLayout(native)
        outside.setContentsMargins(0, 0, 0, 0)
        outside.addWidget(room)
        outside.addWidget(self._status)
        outside.addStretch(1)
        # Else napari docks it with an empty stretch below, which takes half of the height.
        native.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        return room

    def _on_parent(self, parent: Any) -> None:
        if parent is not None:
            self._was_docked = True
        elif self._was_docked and not self._is_closed:
            # Later: what moves a widget elsewhere takes it out of its parent first.
            QTimer.singleShot(0, self._close_if_left)

    def _close_if_left(self) -> None:
        with suppress(RuntimeError):
            if self.native.parent() is None:
                self.close()

    def _release(self, *_: Any) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        # napari connects it to the layers when it docks the widget, and forgets it there.
        for name in _LAYER_EVENTS:
            self._undo.append(_undoing(self.viewer, name, self.reset_choices))
        self._undo += [box.release for box in _boxes(self)]
        while self._undo:
            with suppress(*_GONE):
                self._undo.pop()()


def acting(
    handler: Callable[Concatenate[Speaker, P], Any],
) -> Callable[Concatenate[Speaker, P], None]:
    """Say in the status line what a handler of a panel could not do.

    Only errors that a user can act on are caught. An error's line goes when any handler
    succeeds.
    """

    @wraps(handler)
    def act(panel: Speaker, /, *args: P.args, **kwargs: P.kwargs) -> None:
        spoken = panel.spoken
        try:
            handler(panel, *args, **kwargs)
        except MedVolError as error:
            panel.say(in_short(error), error=True)
        else:
            if panel.failed and panel.spoken == spoken:
                panel.say("")

    return act


class LayerBox(ComboBox):
    """A choice of one of the viewer's layers; ``value`` is the layer, or None.

    It stays on its layer when others come, go or are renamed. When its layer is deleted it
    goes to the first one left. The active layer is chosen at first.

    Parameters
    ----------
    viewer : Viewer or ViewerModel
    kinds : sequence of {"image", "labels"}
        Layers that hold voxels; no other layer is offered.
    nullable : bool
        Whether none is a choice.
    **options
        Of magicgui's ``ComboBox``: ``name``, ``label``, ``tooltip``.
    """

    def __init__(
        self,
        viewer: Any,
        kinds: Sequence[LayerKind] = ("image", "labels"),
        nullable: bool = False,
        **options: Any,
    ) -> None:
        self._viewer = getattr(viewer, "__wrapped__", viewer)
        self._classes = tuple(_CLASSES[kind] for kind in kinds)
        self._shown: list[tuple[str, Layer]] = []
        super().__init__(choices=self._offered, nullable=nullable, **options)
        box = self.native
        if isinstance(box, QComboBox):
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(_WIDEST_NAME)
        active = self._viewer.layers.selection.active
        if not nullable and any(layer is active for _, layer in self._shown):
            self.value = active
        for name in _LAYER_EVENTS:
            _event(self._viewer, name).connect(self.reset_choices)

    def release(self) -> None:
        """Stop following the viewer."""
        for name in _LAYER_EVENTS:
            _event(self._viewer, name).disconnect(self.reset_choices)

    def reset_choices(self, *_: Any) -> None:
        """Offer the layers that are there now."""
        offered = list(self._offered())
        if offered == self._shown and len(self) == len(offered) + bool(self._nullable):
            return
        before = self.value
        self._shown = offered
        with self.changed.blocked():
            # magicgui tells choices by their names, and a name may have gone to another layer.
            self.choices = ()
            super().reset_choices()
            if any(layer is before for _, layer in offered):
                self.value = before
        if self.value is not before:
            self.changed.emit(self.value)

    def _offered(self, *_: Any) -> Iterator[tuple[str, Layer]]:
        """Yield the layers, each under a name of its own: napari lets two be called the same."""
        taken: set[str] = set()
        for layer in self._viewer.layers:
            if isinstance(layer, self._classes):
                names = (layer.name, *(f"{layer.name} ({n})" for n in range(2, len(taken) + 3)))
                name = next(name for name in names if name not in taken)
                taken.add(name)
                yield name, layer


def _status_line() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setVisible(False)
    return label


def _event(viewer: Any, name: str) -> Any:
    return getattr(viewer.layers.events, name)


def _undoing(viewer: Any, name: str, callback: Callable[..., Any]) -> Callable[[], Any]:
    return lambda: _event(viewer, name).disconnect(callback)


def _boxes(parts: Iterable[Widget]) -> Iterator[LayerBox]:
    for part in parts:
        if isinstance(part, LayerBox):
            yield part
        elif isinstance(part, Container):
            yield from _boxes(part)

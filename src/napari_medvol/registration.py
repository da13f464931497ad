"""One scan moved onto another by mutual information, through SimpleITK where it is installed.

Mattes' mutual information compares scans of different kinds. It is climbed on coarse voxels
first, then on finer ones, from the pose that the moving scan has. One thread and fixed seeds:
the same scans give the same matrix every time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.errors import StepError
from napari_medvol.volume import Volume

Motion = Literal["rigid", "affine"]

MOTIONS: Final = ("rigid", "affine")

#: Voxel size of each level by that of the finest, and what is sought on it. Shears and scales
#: are sought last: on coarse voxels and far from the place, they run away.
_RIGID: Final = ((4.0, "rigid"), (2.0, "rigid"), (1.0, "rigid"))
_LEVELS: Final = {
    "rigid": _RIGID,
    "affine": (*_RIGID, (2.0, "affine"), (1.0, "affine")),
}
_ITERATIONS: Final = 100
_SEED: Final = 20
_BINS: Final = 32
#: Voxels of the fixed scan that are compared; more give a smoother measure and take longer.
_SAMPLES: Final = 60_000
#: An axis keeps at least so many voxels on every level.
_FEWEST: Final = 12
#: Steps of the optimiser as shares of the voxel size: the first, and the one that ends it.
_FIRST: Final = {"rigid": 1.0, "affine": 0.25}
_LAST: Final = 0.005
#: No scan of a patient is so much larger than another of the same one.
_MOST: Final = 1.5


_alone = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a registration stands.

    Parameters
    ----------
    level : int
        From 0, the coarsest.
    iteration : int
        Within the level.
    value : float
        Mutual information, larger where the scans agree better.
    """

    level: int
    iteration: int
    value: float


@dataclass(frozen=True, slots=True)
class Registration:
    """What a registration found.

    Parameters
    ----------
    matrix : (4, 4) array
        RAS+ mm of the moving scan before to RAS+ mm after: what ``move`` takes.
    before, after : float
        Mutual information on the finest level at the first and at the last iteration.
    """

    matrix: Affine
    before: float
    after: float


def is_available() -> bool:
    """Return whether SimpleITK is installed."""
    from importlib.util import find_spec

    try:
        return find_spec("SimpleITK") is not None
    except ValueError:
        return False


def register(
    moving: Volume,
    fixed: Volume,
    motion: Motion = "rigid",
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    reached: Callable[[Reached], None] = lambda where: None,
) -> Registration:
    """Return the motion that brings one scan onto another, from where it is.

    Parameters
    ----------
    moving, fixed : Volume
        Of extra axes, the first frame counts; of colour, the mean; of complex values, the
        magnitude.
    motion : {"rigid", "affine"}
    progress : callable, optional
        Called with (iterations done, the most there may be). What it raises ends the work.
    reached : callable, optional
        Called at every iteration, from the same thread.

    Raises
    ------
    StepError
        If SimpleITK is not installed, the scans do not overlap, or one has nothing to compare.
    """
    what = f"register {moving.name!r} onto {fixed.name!r}"
    sitk = _simpleitk(what)
    if motion not in MOTIONS:
        raise StepError(what, f"{motion!r} is none of {', '.join(MOTIONS)}")
    images = [_image(sitk, volume, what) for volume in (fixed, moving)]
    finest = max(float(prod(affines.zooms(v.affine))) ** (1 / 3) for v in (fixed, moving))
    transform = _transform(sitk, moving)
    levels = _LEVELS[motion]
    watch = _Watch(_ITERATIONS * len(levels), progress, reached)
    values: list[float] = []
    for level, (factor, sought) in enumerate(levels):
        if sought == "affine":
            transform = _as_affine(sitk, transform)
        coarse = [_coarser(sitk, image, finest * factor) for image in images]
        method = _method(sitk, coarse[0], finest * factor, _FIRST[sought])
        method.SetInitialTransform(transform, inPlace=True)
        values = watch.run(sitk, method, coarse, level, what)
    return Registration(_checked(_motion(transform), what), values[0], values[-1])


class _Watch:
    """Tells how far the work is, and ends it when it is told to."""

    def __init__(
        self,
        total: int,
        progress: Callable[[int, int], None],
        reached: Callable[[Reached], None],
    ) -> None:
        self._total, self._progress, self._reached = total, progress, reached
        self._stopped: BaseException | None = None

    def run(self, sitk: Any, method: Any, images: list[Any], level: int, what: str) -> list[float]:
        """Run one level and return the values of the measure, one an iteration."""
        values: list[float] = []
        self._tell(level * _ITERATIONS)

        def on_iteration() -> None:
            if self._stopped is not None:
                return
            values.append(-float(method.GetMetricValue()))
            try:
                self._reached(Reached(level, len(values), values[-1]))
                self._tell(level * _ITERATIONS + len(values))
            except BaseException as error:  # ITK would swallow it: raised when it has stopped
                self._stopped = error
                method.StopRegistration()

        method.AddCommand(sitk.sitkIterationEvent, on_iteration)
        try:
            with _one_thread(sitk):
                method.Execute(*images)
        except RuntimeError as error:
            if self._stopped is None:
                raise StepError(what, *_reason(str(error))) from error
        finally:
            method.RemoveAllCommands()
        if self._stopped is not None:
            raise self._stopped
        return values or [float("nan")]

    def _tell(self, done: int) -> None:
        self._progress(done, self._total)


@contextmanager
def _one_thread(sitk: Any) -> Iterator[None]:
    """Let ITK work in one thread: several add up in whatever order they end.

    The measure asks the default of the whole process, not that of the method.
    """
    with _alone:
        before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
        try:
            yield
        finally:
            sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _reason(said: str) -> tuple[str, str]:
    if "outside" in said or "samples" in said.lower() or "points" in said.lower():
        return "the two scans do not overlap enough where they lie now", "Align the centres first"
    return said.strip().splitlines()[-1], "Align them roughly by hand first"


def _simpleitk(what: str) -> Any:
    try:
        import SimpleITK as sitk  # noqa: N813 - its own documentation's name
    except ImportError as error:
        raise StepError(
            what,
            "registration needs SimpleITK, which is not installed",
            'Install it: pip install "napari-medvol[registration]"',
        ) from error
    return sitk


def _image(sitk: Any, volume: Volume, what: str) -> Any:
    """Return a volume as SimpleITK has it: float, LPS+, slowest axis first."""
    values = _values(volume)
    if values.min() == values.max():
        why = f"every voxel of {volume.name!r} is {values.flat[0]:g}: there is nothing to compare"
        raise StepError(what, why, "Choose a scan with some contrast")
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    lps, sizes = affines.swap_lps_ras(volume.affine), affines.zooms(volume.affine)
    image.SetSpacing(sizes.tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def _values(volume: Volume) -> NDArray[np.float32]:
    if volume.is_rgb:
        first = (slice(None),) * 3 + (0,) * (len(volume.axes) - 1)
        values = np.asarray(volume.data[first], dtype=np.float32).mean(axis=-1)
    else:
        values = np.asarray(volume.data[(slice(None),) * 3 + (0,) * len(volume.axes)])
    if values.dtype.kind == "c":
        values = np.abs(values)
    return np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _coarser(sitk: Any, image: Any, size: float) -> Any:
    """Return an image whose voxels are means of blocks of about `size` mm."""
    pairs = zip(image.GetSize(), image.GetSpacing(), strict=True)
    factors = [max(1, min(round(size / step), n // _FEWEST)) for n, step in pairs]
    return sitk.BinShrink(image, factors) if max(factors) > 1 else image


def _transform(sitk: Any, moving: Volume) -> Any:
    """Return a rigid identity, with its centre in the middle of the scan that moves."""
    middle = (np.asarray(moving.shape[:3]) - 1) / 2
    centre = affines.apply_affine(affines.swap_lps_ras(moving.affine), middle).tolist()
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre)
    return transform


def _as_affine(sitk: Any, transform: Any) -> Any:
    free = sitk.AffineTransform(3)
    free.SetCenter(transform.GetCenter())
    free.SetMatrix(transform.GetMatrix())
    free.SetTranslation(transform.GetTranslation())
    return free


def _checked(matrix: Affine, what: str) -> Affine:
    """Return a matrix that squeezes nothing out of its likeness.

    Raises
    ------
    StepError
        If it does: the measure was led astray.
    """
    scales = np.linalg.svd(matrix[:3, :3], compute_uv=False)
    if not (np.isfinite(scales).all() and scales.max() <= _MOST and scales.min() >= 1 / _MOST):
        words = ", ".join(f"{scale:.3g}" for scale in scales)
        why = f"it would stretch the scan by {words}: no match was found"
        raise StepError(what, why, "Align them roughly by hand first, or look for a rigid motion")
    return matrix


def _method(sitk: Any, fixed: Any, size: float, first: float) -> Any:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    share = min(1.0, _SAMPLES / prod(fixed.GetSize()))
    if share < 1:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(share, _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=first * size,
        minStep=_LAST * size,
        numberOfIterations=_ITERATIONS,
        relaxationFactor=0.6,
        gradientMagnitudeTolerance=1e-6,
    )
    method.SetOptimizerScalesFromPhysicalShift()
    return method


def _motion(transform: Any) -> Affine:
    """Return LPS+ fixed to moving as RAS+ moving to fixed."""
    origin, *steps = [np.array(transform.TransformPoint(point)) for point in _points()]
    lps = np.eye(4)
    lps[:3, 3] = origin
    lps[:3, :3] = np.stack([step - origin for step in steps], axis=1)
    return affines.swap_lps_ras(affines.swap_lps_ras(np.linalg.inv(lps).astype(np.float64).T).T)


def _points() -> Iterator[list[float]]:
    yield [0.0, 0.0, 0.0]
    yield from np.eye(3).tolist()

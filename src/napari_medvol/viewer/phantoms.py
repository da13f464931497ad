"""Made patients: ellipsoids in millimetres, drawn on any grid. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_medvol import affines
from napari_medvol.affines import Affine
from napari_medvol.volume import Axis, Display, Label, Volume, Window

_SEED: Final = 20_090_101


class Organ(NamedTuple):
    """One ellipsoid (or, of infinite height, a cylinder along z), RAS+ mm.

    `hu` for CT, `suv` for PET, `mr` for MR; `label` 0 is not labelled. Later ones lie inside
    earlier ones.
    """

    name: str
    center: tuple[float, float, float]
    semi: tuple[float, float, float]
    hu: float = 0.0
    suv: float = 0.0
    mr: float = 0.0
    label: int = 0


_LONG: Final = float("inf")

#: Heart, stomach, spleen and aorta on the left, liver and the nodule on the right: a flip shows.
CHEST: Final = (
    Organ("skin and fat", (0, 0, 0), (172, 116, _LONG), -95, 0.3),
    Organ("muscle", (0, 0, 0), (156, 100, _LONG), 45, 0.7),
    Organ("ribs", (0, 2, 0), (150, 95, _LONG), 45, 0.8),
    Organ("chest cavity", (0, 4, 0), (141, 87, _LONG), 30, 0.7),
    Organ("right lung", (72, 2, 25), (60, 74, 105), -850, 0.4, label=1),
    Organ("left lung", (-76, 2, 30), (52, 70, 98), -850, 0.4, label=2),
    Organ("heart", (-32, 26, 0), (52, 44, 52), 60, 4.2, label=3),
    Organ("heart chambers", (-34, 26, 0), (38, 30, 38), 190, 1.6, label=3),
    Organ("liver", (66, 8, -100), (82, 76, 52), 62, 2.3, label=4),
    Organ("stomach", (-66, 26, -104), (52, 46, 36), 20, 1.0),
    Organ("air in the stomach", (-66, 44, -98), (24, 18, 16), -980, 0.2),
    Organ("spleen", (-106, -30, -104), (22, 32, 38), 52, 1.7, label=5),
    Organ("aorta", (-16, -48, 0), (13, 13, _LONG), 180, 1.7),
    Organ("vertebrae", (0, -70, 0), (20, 18, _LONG), 260, 1.2, label=6),
    Organ("spinous processes", (0, -100, 0), (5, 14, _LONG), 400, 0.9, label=6),
    Organ("spinal canal", (0, -86, 0), (8, 7, _LONG), 25, 0.6),
    Organ("sternum", (0, 98, 20), (18, 6, 90), 300, 0.9, label=6),
    Organ("trachea", (0, -10, 110), (9, 9, 60), -990, 0.2),
    Organ("nodule", (84, 24, 48), (9, 9, 9), 35, 9.0, label=7),
)

_LABELS: Final = (
    Label(1, "right lung", (0.35, 0.65, 1.0, 1.0)),
    Label(2, "left lung", (0.2, 0.4, 0.9, 1.0)),
    Label(3, "heart", (0.9, 0.2, 0.25, 1.0)),
    Label(4, "liver", (0.65, 0.4, 0.2, 1.0)),
    Label(5, "spleen", (0.6, 0.3, 0.75, 1.0)),
    Label(6, "bone", (0.95, 0.92, 0.75, 1.0)),
    Label(7, "nodule", (0.2, 0.95, 0.4, 1.0)),
)

#: Nose in front, a lesion on the left.
HEAD: Final = (
    Organ("scalp", (0, -5, 0), (80, 100, 108), mr=420),
    Organ("neck", (0, -28, -115), (52, 52, 70), mr=380),
    Organ("nose", (0, 98, -42), (13, 20, 18), mr=430),
    Organ("right ear", (82, -12, -30), (7, 16, 24), mr=400),
    Organ("left ear", (-82, -12, -30), (7, 16, 24), mr=400),
    Organ("skull", (0, -5, 6), (74, 94, 98), mr=60),
    Organ("fluid", (0, -6, 10), (68, 88, 88), mr=130),
    Organ("right grey matter", (34, -6, 14), (33, 83, 76), mr=520),
    Organ("left grey matter", (-34, -6, 14), (33, 83, 76), mr=520),
    Organ("right white matter", (33, -6, 14), (25, 72, 64), mr=760),
    Organ("left white matter", (-33, -6, 14), (25, 72, 64), mr=760),
    Organ("cerebellum", (0, -58, -52), (46, 30, 24), mr=560),
    Organ("brain stem", (0, -26, -58), (13, 14, 40), mr=690),
    Organ("right ventricle", (13, 4, 22), (7, 30, 12), mr=120),
    Organ("left ventricle", (-13, 4, 22), (9, 34, 14), mr=120),
    Organ("right eye", (32, 74, -28), (12, 12, 12), mr=240),
    Organ("left eye", (-32, 74, -28), (12, 12, 12), mr=240),
    Organ("airway", (0, 62, -56), (18, 26, 12), mr=20),
    Organ("lesion", (-40, 30, 36), (9, 9, 9), mr=980),
)


def drawn(
    organs: Sequence[Organ],
    values: Sequence[float],
    affine: Affine,
    shape: tuple[int, int, int],
    outside: float,
) -> NDArray[np.float32]:
    """Return `organs` on a grid, later ones over earlier ones, (i, j, k) float32."""
    out = np.full(shape, outside, dtype=np.float32)
    for organ, value in zip(organs, values, strict=True):
        box = _box(organ, affine, shape)
        index = np.ogrid[box]
        distance = np.zeros([len(range(*part.indices(10**9))) for part in box], np.float32)
        for axis in range(3):
            at = affine[axis, 3] + sum(affine[axis, n] * index[n] for n in range(3))
            distance += (((at - organ.center[axis]) / organ.semi[axis]) ** 2).astype(np.float32)
        out[box][distance <= 1] = value
    return out


def _box(organ: Organ, affine: Affine, shape: tuple[int, int, int]) -> tuple[slice, ...]:
    """Return the part of the grid that an organ can touch."""
    semi = np.minimum(organ.semi, 1e4)
    ends = np.array(organ.center) + semi * np.array(
        [[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]
    )
    touched = affines.apply_affine(np.linalg.inv(affine).astype(np.float64), ends)
    low = np.clip(np.floor(touched.min(axis=0)), 0, np.array(shape) - 1).astype(int)
    high = np.clip(np.ceil(touched.max(axis=0)) + 1, 1, shape).astype(int)
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))


def _noise(shape: tuple[int, ...], sigma: float) -> NDArray[np.float32]:
    numbers = np.random.default_rng(_SEED)
    return numbers.standard_normal(shape, dtype=np.float32) * np.float32(sigma)


#: Rows run to the patient's left, columns to the back, as scanners write CT.
CT_SHAPE: Final = (184, 128, 100)
CT_AFFINE: Final = np.array(
    [[-2.0, 0, 0, 184.0], [0, -2.0, 0, 127.0], [0, 0, 3.0, -160.0], [0, 0, 0, 1]]
)


def chest_ct() -> Volume:
    """Return a CT of the chest: int16 HU, 184×128×100 at 2×2×3 mm, with three windows."""
    hu = drawn(CHEST, [organ.hu for organ in CHEST], CT_AFFINE, CT_SHAPE, -1000.0)
    hu = _with_ribs(hu) + _noise(CT_SHAPE, 14.0)
    windows = (
        Window(40, 400, "soft tissue"),
        Window(-600, 1500, "lung"),
        Window(400, 1800, "bone"),
    )
    return Volume(
        np.clip(np.rint(hu), -1024, 3071).astype(np.int16),
        CT_AFFINE,
        unit="HU",
        display=Display(windows=windows),
        name="CT chest",
    )


def _with_ribs(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the chest with ribs: bone where oblique bands cross the chest wall."""
    i, j, k = np.ogrid[tuple(slice(n) for n in CT_SHAPE)]
    x, y, z = (CT_AFFINE[a, a] * n + CT_AFFINE[a, 3] for a, n in enumerate((i, j, k)))
    wall = ((x / 150) ** 2 + ((y - 2) / 95) ** 2 <= 1) & ((x / 141) ** 2 + ((y - 4) / 87) ** 2 > 1)
    band = np.mod(z + 0.25 * y, 26.0) < 9.0
    hu[wall & band] = 420.0
    return hu


def chest_labels() -> Volume:
    """Return labels of the CT's organs on its grid: uint8, with names and colours."""
    labelled = [organ for organ in CHEST if organ.label or organ.name == "spinal canal"]
    values = drawn(labelled, [float(o.label) for o in labelled], CT_AFFINE, CT_SHAPE, 0.0)
    return Volume(
        values.astype(np.uint8), CT_AFFINE, kind="labels", labels=_LABELS, name="CT chest organs"
    )


def chest_pet() -> Volume:
    """Return a PET of the same patient on its own grid: float32 SUV, 4 mm, blurred and noisy."""
    from scipy.ndimage import gaussian_filter

    shape = (100, 76, 78)
    affine = np.array(
        [[-4.0, 0, 0, 199.0], [0, -4.0, 0, 151.0], [0, 0, 4.0, -155.0], [0, 0, 0, 1]]
    )
    suv = drawn(CHEST, [organ.suv for organ in CHEST], affine, shape, 0.0)
    blurred = gaussian_filter(suv, 0.7) * (1 + _noise(shape, 0.06))
    return Volume(
        np.maximum(blurred, 0).astype(np.float32),
        affine,
        unit="SUV",
        display=Display(limits=(0.0, 7.0)),
        name="PET chest",
    )


def head_mr() -> Volume:
    """Return an MR of a head, scanned sagittally and askew: int16, 1.3×1.3×1.4 mm."""
    shape = (168, 184, 128)
    # (i, j, k) run to A, I and L, tilted by 16° about the ear-to-ear axis and turned by 9°.
    columns = np.array([[0.0, 0, -1.4], [1.3, 0, 0], [0, -1.3, 0]])
    linear = _turned(16, 0) @ _turned(9, 2) @ columns
    affine = np.eye(4)
    affine[:3, :3] = linear
    affine[:3, 3] = np.array([0.0, 4.0, -6.0]) - linear @ ((np.array(shape) - 1) / 2)
    mr = drawn(HEAD, [organ.mr for organ in HEAD], affine, shape, 0.0)
    magnitude = np.hypot(mr + _noise(shape, 16.0), 16.0)
    return Volume(magnitude.astype(np.int16), affine, name="MR head, oblique")


def _turned(degrees: float, axis: int) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    a, b = (n for n in range(3) if n != axis)
    matrix = np.eye(3)
    matrix[a, a], matrix[a, b], matrix[b, a], matrix[b, b] = c, -s, s, c
    return matrix


def head_fmri(n_frames: int = 40, repetition: float = 2.0) -> Volume:
    """Return a functional MR of the head: int16, 64×64×34 at 3.4 mm, a finger-tapping task.

    The left motor cortex, and only it, follows the task: 10 frames rest, 10 frames tapping.
    """
    shape = (64, 64, 34)
    affine = np.diag([-3.4, 3.4, 3.4, 1.0])
    affine[:3, 3] = (107.1, -113.0, -46.0)
    still = drawn(HEAD, [organ.mr for organ in HEAD], affine, shape, 0.0)
    motor = (Organ("left motor cortex", (-38, -18, 62), (13, 11, 10)),)
    active = drawn(motor, [1.0], affine, shape, 0.0)
    task = (np.arange(n_frames) // 10 % 2).astype(np.float32)
    frames = still[..., None] * (1 + 0.05 * active[..., None] * task)
    frames += _noise((*shape, n_frames), 6.0)
    return Volume(
        np.clip(np.rint(frames), 0, 4095).astype(np.int16),
        affine,
        axes=(Axis("t", repetition, "s"),),
        name="fMRI head",
    )

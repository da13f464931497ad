"""What a step asks for, looked at before it is used: recipes are written by people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_medvol.errors import StepError
from napari_medvol.volume import Volume


def number(op: str, volume: Volume, name: str, given: Any) -> float:
    """Return a finite number: a float, or an int that no float equals.

    Raises
    ------
    StepError
        If it is none.
    """
    found = finite_numbers((given,), 1)
    if found is None:
        raise StepError(
            f"{op} {volume.name!r}", f"{name} is {given!r}, no finite number", "Give a number"
        )
    # Ends of int64 and uint64 are no floats.
    return int(given) if isinstance(given, int | np.integer) and found[0] != given else found[0]


def whole(op: str, volume: Volume, name: str, given: Any) -> int:
    """Return a whole number.

    Raises
    ------
    StepError
        If it is none.
    """
    found = whole_numbers((given,), 1)
    if found is None:
        raise StepError(
            f"{op} {volume.name!r}", f"{name} is {given!r}, no whole number", "Give one"
        )
    return found[0]


def one_of(op: str, volume: Volume, given: Any, known: Sequence[str]) -> str:
    """Return a name that is known.

    Raises
    ------
    StepError
        If it is not.
    """
    if not isinstance(given, str) or given not in known:
        raise StepError(
            f"{op} {volume.name!r}", f"{given!r} is none of {', '.join(known)}", "Name one of them"
        )
    return given


def finite_numbers(given: Any, n: int) -> tuple[float, ...] | None:
    """Return `n` finite numbers as floats; None where it is not that many, or one is none."""
    if not isinstance(given, list | tuple | np.ndarray) or len(given) != n:
        return None
    if not all(isinstance(one, int | float | np.integer | np.floating) for one in given):
        return None
    try:
        found = tuple(float(one) for one in given)
    except OverflowError:  # an int beyond every float
        return None
    return found if np.isfinite(found).all() else None


def whole_numbers(given: Any, n: int) -> tuple[int, ...] | None:
    """Return `n` whole numbers as ints; None where it is not that many, or one is none."""
    found = finite_numbers(given, n)
    if found is None or not all(one.is_integer() for one in found):
        return None
    return tuple(int(one) for one in given)

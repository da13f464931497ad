"""Steps as text: what a history says, kept in a file, replayed elsewhere."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from napari_medvol.errors import ReadError, StepError
from napari_medvol.volume import Step, Volume

#: Operations after which every voxel that is left is where it was in world.
KEEPS_WORLD: Final = frozenset(
    {
        "crop", "orient", "forget_qform", "resample", "resize", "downsample", "world_aligned",
        "astype", "round_values", "scale", "rescale", "window", "clip", "part", "as_kind",
        "frames", "frame", "over_frames", "slab",
    }
)  # fmt: skip
#: Operations after which the voxel axes run along what they ran along.
KEEPS_AXES: Final = KEEPS_WORLD - {"orient", "resample", "world_aligned"}


@dataclass(frozen=True, slots=True)
class Recipe:
    """Steps with what they were applied to and where the result goes, as text and back.

    Parameters
    ----------
    steps : tuple of Step
    inputs : tuple of mapping
        Each has ``path`` and, where they differ from the default, what
        :func:`napari_medvol.read` is asked for (``series``, ``value``, …).
    output : str
        Name or template of the result; empty where the recipe does not say.
    """

    steps: tuple[Step, ...]
    inputs: tuple[Mapping[str, Any], ...] = ()
    output: str = ""

    @classmethod
    def of(cls, volume: Volume) -> Recipe:
        """Return the recipe of a volume: its files, how they were read, and its history."""
        report = volume.report
        asked = dict(report.asked)
        # A name tells it from those it was read with: elsewhere it may have another one.
        common = report.place if "name" in asked else _common_path(report.files)
        one = {"path": common, **asked}
        return cls(tuple(volume.history), (one,) if common else ())

    @classmethod
    def from_toml(cls, text: str, name: str = "recipe") -> Recipe:
        """Return the recipe that `text` holds.

        Parameters
        ----------
        text : str
            TOML: tables ``[[input]]`` with ``path``, ``[[step]]`` with ``op`` and its
            parameters, ``[output]`` with ``path``.
        name : str
            How the error names the recipe.

        Raises
        ------
        ReadError
            If the text is no TOML, or none of a recipe.
        """
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ReadError(name, f"it is no TOML: {error}", "Look at the line named") from error
        unknown = set(content) - {"input", "step", "output"}
        steps, inputs = content.get("step", []), content.get("input", [])
        output = content.get("output", {})
        fault = (
            f"it has the unknown part {', '.join(sorted(unknown))}"
            if unknown
            else _fault_of(steps, inputs, output)
        )
        if fault:
            raise ReadError(name, fault, "A recipe has [[input]] path, [[step]] op, [output] path")
        return cls(
            tuple(Step(row["op"], {k: v for k, v in row.items() if k != "op"}) for row in steps),
            tuple(inputs),
            output.get("path", ""),
        )

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Return the recipe in a file.

        Raises
        ------
        ReadError
            If the file cannot be read, or holds no recipe.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ReadError(str(path), f"it cannot be read: {error}") from error
        return cls.from_toml(text, str(path))

    def to_toml(self) -> str:
        """Return the recipe as TOML, to be read and changed by people.

        Raises
        ------
        StepError
            If a parameter is no number, text, or list of them.
        """
        import tomli_w

        content: dict[str, Any] = {}
        if self.inputs:
            content["input"] = [_plain(dict(one), "input") for one in self.inputs]
        content["step"] = [{"op": s.op, **_plain(dict(s.params), s.op)} for s in self.steps]
        if self.output:
            content["output"] = {"path": self.output}
        return tomli_w.dumps(content)

    def to_python(self) -> str:
        """Return a script that does the same: "copy as Python".

        Raises
        ------
        StepError
            If a parameter is no number, text, or list of them.
        """
        lines = ["import napari_medvol as mv", ""]
        for one in self.inputs or ({"path": "scan.nii.gz"},):
            asked = {k: v for k, v in one.items() if k != "path"}
            words = "".join(f", {k}={v!r}" for k, v in _plain(asked, "input").items())
            lines.append(f"(volume,) = mv.read({one['path']!r}{words})")
        lines += ["volume = mv.apply(", "    volume,", "    ["]
        lines += [
            f"        mv.Step({s.op!r}, {_plain(dict(s.params), s.op)!r})," for s in self.steps
        ]
        lines += ["    ],", ")"]
        if self.output:
            lines.append(f"mv.write(volume, {self.output!r})")
        return "\n".join(lines) + "\n"


def _common_path(files: tuple[str, ...]) -> str:
    """Return the file, or the folder that holds all files."""
    if len(files) <= 1:
        return files[0] if files else ""
    folders = {str(Path(file).parent) for file in files}
    stems = {Path(file).name.split(".")[0] for file in files}
    if len(stems) == 1 and len(folders) == 1:
        return files[0]  # a pair: header and image
    return folders.pop() if len(folders) == 1 else _above(sorted(folders))


def _above(folders: list[str]) -> str:
    import os

    return os.path.commonpath(folders)


def _fault_of(steps: Any, inputs: Any, output: Any) -> str:
    if not isinstance(steps, list) or not all(_has(row, "op") for row in steps):
        return "a step has no op"
    if not isinstance(inputs, list) or not all(_has(row, "path") for row in inputs):
        return "an input has no path"
    if not isinstance(output, dict) or (output and not _has(output, "path")):
        return "the output has no path"
    return ""


def _has(row: Any, name: str) -> bool:
    return isinstance(row, dict) and isinstance(row.get(name), str)


def _plain(value: Any, name: str) -> Any:
    """Return a parameter as TOML and Python literals have it."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, name) for k, v in value.items() if v is not None}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist(), name)
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [_plain(one, name) for one in value]
    raise StepError(
        f"step {name!r}",
        f"{value!r} is no number, text or list, so it cannot be written down",
        "Give operations plain values",
    )

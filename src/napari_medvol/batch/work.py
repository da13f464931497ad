"""One job: a scan read, its steps applied, written, and told of. Runs in any process."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from napari_medvol.batch.finding import unexpected
from napari_medvol.errors import MedVolError, ReadError
from napari_medvol.formats import Certificate, read, write
from napari_medvol.ops import apply
from napari_medvol.volume import Step, Volume

_PIECE: Final = 1 << 20


class Made(NamedTuple):
    """What an output is known by later.

    Parameters
    ----------
    files : tuple of str
        Absolute.
    size : int
        Bytes of all of them.
    mtime_ns : int
        Of the latest.
    sha256 : str
        Of the file; of several, of the list of their names and sums.
    """

    files: tuple[str, ...]
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a volume goes.

    Parameters
    ----------
    path : str
        Absolute.
    overwrite : bool
        Whether what is there may be replaced.
    made : Made, optional
        What an earlier run left there of the same recipe.
    refused : str
        Why nothing is to be written there, in words.
    """

    path: str
    overwrite: bool = False
    made: Made | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A scan to convert.

    Parameters
    ----------
    number : int
    place : str
        File or folder, relative to the source, for people.
    paths : tuple of str
        For :func:`napari_medvol.read`, with `read`.
    targets : tuple of Target
        One a volume, in the order in which they are read.
    read, write : mapping
        Choices of reading and of writing.
    steps : tuple of Step
    format : str, optional
    content : str
        Sum of the input's content at an earlier run; empty where there was none.
    stop : str
        A file that is not there: once it is, the work ends.
    """

    number: int
    place: str
    paths: tuple[str, ...]
    targets: tuple[Target, ...]
    read: Mapping[str, Any] = field(default_factory=dict)
    write: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    format: str | None = None
    content: str = ""
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one volume.

    Parameters
    ----------
    status : {"written", "there", "failed", "stopped"}
    output : str
        Absolute.
    problem : str
        Why it failed, or what was odd.
    seconds : float
    certificate : Certificate, optional
    made : Made, optional
    content : str
        Sum of the input's content.
    """

    status: str
    output: str
    problem: str = ""
    seconds: float = 0.0
    certificate: Certificate | None = None
    made: Made | None = None
    content: str = ""


class StoppedError(Exception):
    """Somebody asked for the end of all jobs."""


def work(job: Job) -> tuple[Outcome, ...]:
    """Return what became of each volume of a job; nothing is raised but the end of all."""
    try:
        content = content_of(job.paths)
        if job.content == content and all(_is_kept(target) for target in job.targets):
            return tuple(
                Outcome("there", t.path, made=t.made, content=content) for t in job.targets
            )
        volumes = _volumes(job)
    except Exception as error:  # one bad scan does not stop the others
        return tuple(_failed(target, error) for target in job.targets)
    pairs = zip(volumes, job.targets, strict=True)
    return tuple(_one(job, volume, target, content) for volume, target in pairs)


def _volumes(job: Job) -> list[Volume]:
    given: Any = job.paths[0] if len(job.paths) == 1 else list(job.paths)
    volumes = read(given, progress=_watch(job.stop), **job.read)
    if len(volumes) != len(job.targets):
        why = f"{len(volumes)} volumes are read, {len(job.targets)} were found before"
        raise ReadError(job.place, why, "Its files changed meanwhile: convert again")
    return volumes


def _one(job: Job, volume: Volume, target: Target, content: str) -> Outcome:
    if target.refused:
        return Outcome("failed", target.path, target.refused)
    try:
        done, certificate = written(
            volume,
            job.steps,
            target.path,
            format=job.format,
            overwrite=target.overwrite,
            progress=_watch(job.stop),
            **job.write,
        )
        made = made_of(certificate.files)
    except Exception as error:  # one bad scan does not stop the others
        return _failed(target, error)
    return replace(done, made=made, content=content)


def written(
    volume: Volume, steps: Sequence[Step], path: str | Path, **how: Any
) -> tuple[Outcome, Certificate]:
    """Return what became of a volume that is changed and written, and the proof.

    Parameters
    ----------
    volume : Volume
    steps : sequence of Step
    path : str or Path
    **how
        For :func:`napari_medvol.write`.

    Raises
    ------
    MedVolError
        If it cannot be changed or written.
    """
    began = time.perf_counter()
    told = {"progress": how["progress"]} if "progress" in how else {}
    certificate = write(apply(volume, steps, **told), path, **how)
    said = "\n".join((*volume.report.warnings, *certificate.notes))
    seconds = time.perf_counter() - began
    return Outcome("written", str(path), said, seconds, certificate), certificate


def _failed(target: Target, error: Exception) -> Outcome:
    if isinstance(error, StoppedError):
        return Outcome("stopped", target.path)
    why = str(error) if isinstance(error, MedVolError) else unexpected(error)
    return Outcome("failed", target.path, why)


def _watch(stop: str) -> Any:
    def watch(done: int, total: int) -> None:
        if stop and os.path.exists(stop):  # noqa: PTH110 - asked for every few megabytes
            raise StoppedError

    return watch


def _is_kept(target: Target) -> bool:
    return target.made is not None and is_as_made(target.made)


def is_as_made(made: Made) -> bool:
    """Return whether an output is there as it was written."""
    paths = [Path(file) for file in made.files]
    try:
        found = [path.stat() for path in paths]
    except OSError:
        return False
    if sum(status.st_size for status in found) != made.size or not found:
        return False
    if max(status.st_mtime_ns for status in found) == made.mtime_ns:
        return True
    return _sum_of(paths) == made.sha256


def made_of(files: Sequence[str]) -> Made:
    """Return what an output is known by."""
    paths = [Path(file) for file in files]
    found = [path.stat() for path in paths]
    size, latest = sum(s.st_size for s in found), max(s.st_mtime_ns for s in found)
    return Made(tuple(files), size, latest, _sum_of(paths))


def _sum_of(paths: Sequence[Path]) -> str:
    sums = [_sha256(path) for path in paths]
    if len(sums) == 1:
        return sums[0]
    lines = "".join(f"{one}  {path.name}\n" for one, path in zip(sums, paths, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    for piece in _pieces(path):
        digest.update(piece)
    return digest.hexdigest()


def content_of(paths: Sequence[str]) -> str:
    """Return a sum of names and content of files: cheap, as it is taken of every input."""
    from isal import isal_zlib

    digest = hashlib.sha256()
    for path in sorted(map(Path, paths)):
        sum_ = size = 0
        for piece in _pieces(path):
            sum_ = isal_zlib.crc32(piece, sum_)
            size += len(piece)
        digest.update(f"{path.name}\0{size}\0{sum_}\n".encode())
    return digest.hexdigest()


def _pieces(path: Path) -> Iterator[memoryview]:
    """Yield the bytes of a file, each piece good until the next."""
    buffer = bytearray(_PIECE)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            yield view[:count]

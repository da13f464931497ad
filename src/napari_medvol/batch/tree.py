"""The conversion of a tree: look, plan, run, and keep account of what is done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from napari_medvol.batch.finding import Found, Group, groups_at, look
from napari_medvol.batch.ledger import EarlierOutputs, Ledger, Record
from napari_medvol.batch.plan import Naming, Plan, Planned, root_of
from napari_medvol.batch.report import Row
from napari_medvol.batch.schedulers import Scheduler
from napari_medvol.batch.work import Job, Outcome, Target, is_as_made, work
from napari_medvol.errors import FormatError
from napari_medvol.formats.row import Progress
from napari_medvol.formats.saving.staging import writing
from napari_medvol.volume import Step

_NONE_IS_LEFT_S: Final = 3600
_DIED: Final = (
    "the process that worked on it died, twice or more: it may need more memory than there is"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be done to each scan.

    Parameters
    ----------
    read, write : mapping
        Choices of reading and of writing.
    steps : tuple of Step
    format : str, optional
        Name of the format to write.
    """

    read: Mapping[str, Any]
    write: Mapping[str, Any]
    steps: tuple[Step, ...]
    format: str | None = None

    @property
    def sum(self) -> str:
        """Changes when anything asked for does."""
        steps = [[step.op, sorted(step.params.items())] for step in self.steps]
        said = [sorted(self.read.items()), sorted(self.write.items()), steps, self.format]
        return hashlib.sha256(json.dumps(said, default=str).encode()).hexdigest()


class TreeConversion:
    """One conversion of what lies below some places into a folder.

    Parameters
    ----------
    places : sequence of Path
    target : Path
        The folder of the outputs.
    naming : Naming
    asked : Asked
    resume, overwrite : bool
        As for :func:`~napari_medvol.batch.convert`.
    progress : callable
        Told (scans done, scans in all).
    """

    def __init__(
        self,
        places: Sequence[Path],
        target: Path,
        naming: Naming,
        asked: Asked,
        *,
        resume: bool,
        overwrite: bool,
        progress: Progress,
    ) -> None:
        self._places, self._target, self._naming = places, target, naming
        self._asked, self._recipe = asked, asked.sum
        self._resume, self._overwrite = resume, overwrite
        self._progress = progress
        self._ledger = Ledger(target)
        self._stop = self._ledger.folder / f"stop-{uuid.uuid4().hex}"
        self._under_way: dict[int, tuple[Planned, list[Record | None]]] = {}
        self._rows: dict[int, list[Row]] = {}
        self._total = 0

    def rows(self) -> Iterator[Row]:
        """Yield what became of each scan so far, in the order of the tree."""
        for number in sorted(self._rows):
            yield from self._rows[number]

    def run(self, scheduler: Scheduler) -> None:
        """Convert everything; an error, or Ctrl-C, leaves an account of what is done.

        Raises
        ------
        FormatError
            If there is no scan.
        WriteError
            If the folder cannot be written to.
        """
        plan = Plan()
        try:
            self._find(scheduler, plan)
            with writing(self._target):
                self._ledger.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            with self._ledger:
                scheduler.run(work, self._jobs(plan), self._take)
                self._ledger.flush()
        except BaseException:
            with contextlib.suppress(OSError):
                self._stop.touch()
            self._give_up()
            raise
        finally:
            plan.close()
            scheduler.close()
            if scheduler.waits:
                with contextlib.suppress(OSError):
                    self._stop.unlink()

    def _sweep(self) -> None:
        """Remove what told the workers of earlier runs to stop, once none of them can be left."""
        for mark in self._ledger.folder.glob("stop-*"):
            with contextlib.suppress(OSError):
                if time.time() - mark.stat().st_mtime > _NONE_IS_LEFT_S:
                    mark.unlink()

    def _find(self, scheduler: Scheduler, plan: Plan) -> None:
        """Fill the plan with what lies below the places."""
        root = root_of(self._places)
        is_below = any(place.resolve() in self._target.resolve().parents for place in self._places)
        groups = groups_at(
            self._places,
            root,
            self._target if is_below else self._ledger.folder,
            self._asked.read,
            self._naming.wanted,
        )

        def take(group: Group, found: list[Found] | None) -> None:
            lost = Found((group.number, 0), group.paths, group.paths[0], problem=_DIED)
            plan.add(group, [lost] if found is None else found)
            self._progress(len(plan), 0)

        scheduler.run(look, self._not_ours(groups), take)
        plan.join()
        if not len(plan):
            raise FormatError(str(self._places[0]), "holds no scan that a known format reads")
        plan.check(self._naming)
        self._total = len(plan)

    def _not_ours(self, groups: Iterator[Group]) -> Iterator[Group]:
        """Yield the groups without outputs of earlier runs: they may be beside the inputs."""
        made = EarlierOutputs(self._places, self._target)
        for group in groups:
            paths = tuple(path for path in group.paths if path not in made)
            if paths:
                yield replace(group, paths=paths)

    def _jobs(self, plan: Plan) -> Iterator[Job]:
        for planned in plan.planned(self._naming, self._ledger, self._recipe):
            job = self._job(planned)
            if job is not None:
                yield job

    def _job(self, planned: Planned) -> Job | None:
        """Return what is to be done for a scan; None if that is nothing."""
        found = planned.found
        if found.problem:
            self._finish(planned.number, [Row(found.place, "", "failed", problem=found.problem)])
            return None
        before = [self._ledger.of(record.output) for record in planned.records]
        if self._is_done(planned, before):
            rows = [_again(found.place, record) for record in before if record]
            self._finish(planned.number, rows)
            return None
        targets = tuple(map(self._target_of, planned.records, before))
        alike = {r.content for r in before if r and r.recipe == self._recipe} if before else set()
        for record, one in zip(planned.records, targets, strict=True):
            if not one.refused:
                self._ledger.add(record)
        self._under_way[planned.number] = planned, before
        return Job(
            planned.number,
            found.place,
            found.paths,
            targets,
            self._asked.read,
            self._asked.write,
            self._asked.steps,
            self._asked.format,
            alike.pop() if self._resume and len(alike) == 1 else "",
            str(self._stop),
        )

    def _is_done(self, planned: Planned, before: Sequence[Record | None]) -> bool:
        return self._resume and all(
            old is not None
            and old.state == "written"
            and (old.recipe, old.signature) == (new.recipe, new.signature)
            and is_as_made(self._ledger.made(old))
            for old, new in zip(before, planned.records, strict=True)
        )

    def _target_of(self, record: Record, before: Record | None) -> Target:
        path = self._target / record.output
        is_ours = self._ledger.is_ours(record.output)
        if os.path.lexists(path) and not is_ours and not self._overwrite:
            why = "was changed since it was converted" if before else "is there already"
            return Target(
                str(path),
                refused=f"{path}: {why}; nothing was written. Ask for overwrite=True, or"
                " move it away.",
            )
        made = self._ledger.made(before) if before and before.state == "written" else None
        return Target(str(path), overwrite=True, made=made)

    def _take(self, job: Job, outcomes: tuple[Outcome, ...] | None) -> None:
        """Keep account of what became of a job."""
        planned, before = self._under_way.pop(job.number)
        if outcomes is None:
            outcomes = tuple(Outcome("failed", target.path, _DIED) for target in job.targets)
        rows = []
        for record, old, outcome, one in zip(
            planned.records, before, outcomes, job.targets, strict=True
        ):
            row = Row.of(job.place, record.output, outcome)
            if outcome.status == "there" and old is not None:
                row = _again(job.place, old)
            rows.append(row)
            if not one.refused:
                self._ledger.add(self._after(record, old, outcome, row))
        self._finish(job.number, rows)

    def _after(self, record: Record, old: Record | None, outcome: Outcome, row: Row) -> Record:
        made = outcome.made
        if made is None:
            return replace(record, state="failed") if old is None else old
        return replace(
            record,
            state="written",
            content=outcome.content,
            files=tuple(os.path.relpath(file, self._target) for file in made.files),
            size=made.size,
            mtime_ns=made.mtime_ns,
            sha256=made.sha256,
            row=row.as_json(),
        )

    def _finish(self, number: int, rows: list[Row]) -> None:
        self._rows[number] = rows
        self._progress(len(self._rows), self._total)

    def _give_up(self) -> None:
        """Keep account of what was under way: it is stopped."""
        for planned, _ in self._under_way.values():
            stopped = partial(Row, planned.found.place, status="stopped")
            self._rows[planned.number] = [stopped(output=r.output) for r in planned.records]


def _again(place: str, record: Record) -> Row:
    """Return the row of what was done before."""
    row = Row(**(record.row or {"input": place, "output": record.output, "status": "there"}))
    return replace(row, input=place, status="there")

"""A case's project on disk, and what is done to it between the runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.corpora.cases import Case, Step


class Project:
    """The files of a case in a directory of their own."""

    def __init__(self, case: Case, directory: Path) -> None:
        self.case = case
        self.root = directory / "project"
        self.root.mkdir(parents=True)
        for name, text in case.files.items():
            self._write(self.root / name, text)

    def edit(self) -> None:
        """Do what the case says is done between the runs."""
        for step in self.case.steps:
            getattr(self, f"_{step.verb}_step")(step)

    def _in_step(self, step: Step) -> None:
        old, arrow, new = (part.strip(" ") for part in step.text.partition("=>"))
        text = (self.root / step.path).read_text()
        if not arrow or text.count(old) != 1:
            raise ValueError(f"{self.case.name}: {old!r} stands {text.count(old)} times in {step.path}, not once")
        self._write(self.root / step.path, text.replace(old, new), later=True)

    def _write_step(self, step: Step) -> None:
        self._write(self.root / step.path, step.text, later=True)

    def _move_step(self, step: Step) -> None:
        (self.root / step.text).parent.mkdir(parents=True, exist_ok=True)
        (self.root / step.path).rename(self.root / step.text)

    def _remove_step(self, step: Step) -> None:
        for path in list(self.root.glob(step.path)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _touch_step(self, step: Step) -> None:
        self._write(self.root / step.path, (self.root / step.path).read_text(), later=True)

    def _recode_step(self, step: Step) -> None:
        """Give a file the byte order mark and the line ends of other editors."""
        path = self.root / step.path
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))

    def _elsewhere_step(self, step: Step) -> None:
        """Move the project to another directory."""
        target = self.root.parent / step.path
        target.parent.mkdir(parents=True, exist_ok=True)
        self.root = self.root.rename(target)

    def _write(self, path: Path, text: str, later: bool = False) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if later:  # nobody edits within the second that a .pyc's time stamp can tell apart
            stat = path.stat()
            os.utime(path, (stat.st_atime + 10, stat.st_mtime + 10))

"""Which file of a delivery holds which form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from harmonize.folders import join_folders, kept_in_folders
from harmonize.readers import LandingError
from harmonize.readers.kinds import kind_of
from harmonize.sources import Form, Study


def match_files(study: Study, path: Path, work: Path) -> tuple[dict[str, Path], list[tuple[str, str]]]:
    """The file of each delivered form, and the files that are none with the reason. Raises LandingError.

    Forms that are kept in folders are joined to files in `work`.
    """
    if not path.exists():
        raise LandingError("there is no such file or folder", file=str(path), remedy="Correct the path")
    files, opened, ignored = join_folders(study, path, work)
    whole = [form for form in study.forms if not kept_in_folders(form)]
    for entry in sorted(path.iterdir()) if path.is_dir() else [path]:
        forms = [form for form in whole if _matches(entry.name, form.files)]
        if entry.name in opened:
            continue
        if entry.is_dir():
            ignored.append((entry.name, "a folder: land it by its own path"))
        elif entry.name.startswith("."):
            ignored.append((entry.name, "a hidden file"))
        elif _matches(entry.name, study.ignore_files):
            ignored.append((entry.name, f"declared as to be ignored in {study.path.name}"))
        elif not forms:
            ignored.append((entry.name, _no_form(study, entry.name)))
        elif len(forms) > 1 and not _sheets_of_one(forms, entry.name):
            raise LandingError(
                f"the name fits several forms: {', '.join(form.name for form in forms)}",
                file=entry.name,
                remedy="Make the file patterns in the sources YAML exclusive; two forms may share a workbook if each "
                "declares another `sheet`",
            )
        elif twice := [form.name for form in forms if form.name in files]:
            raise LandingError(
                f"form {twice[0]} is delivered twice: {files[twice[0]].name} and {entry.name}",
                file=entry.name,
                remedy="Keep the one to be landed and move the other out of the folder",
            )
        else:
            files |= dict.fromkeys((form.name for form in forms), entry)
    if not files:
        looked_for = ", ".join(pattern for form in study.forms for pattern in form.files)
        seen = "; ".join(f"{name} ({why})" for name, why in ignored[:10]) or "nothing"
        raise LandingError(
            f"no file of {study.name} was found. Looked for {looked_for}, each also with .gz. Found {seen}",
            file=str(path),
            remedy="Name the folder that holds the files, or rename the files",
        )
    return files, ignored


def _sheets_of_one(forms: Sequence[Form], name: str) -> bool:
    """Whether the forms are different sheets of a workbook."""
    sheets = {str(form.format.get("sheet", "")) for form in forms if kind_of(name, form.format) == "xlsx"}
    return "" not in sheets and len(sheets) == len(forms)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    lower = name.lower()
    return any(fnmatchcase(lower, pattern) for given in patterns for pattern in (given.lower(), f"{given.lower()}.gz"))


def _no_form(study: Study, name: str) -> str:
    stem = name.lower().partition(".")[0]
    for form in study.forms:
        if stem in (form.name.lower(), *(pattern.lower().partition(".")[0] for pattern in form.files)):
            return f"looks like form {form.name}, but that is read from {', '.join(form.files)}"
    return f"no form of {study.name} has this name"

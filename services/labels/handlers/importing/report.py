"""What an import did and what was wrong, while it is gathered."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from contracts.rpc.labels import ImportFault, ImportReport

ERRORS_KEPT = 1000
"""Faults that a report holds; the rest is only counted."""


@dataclass
class Report:
    """See `contracts.rpc.labels.ImportReport`. `objects` are counted by the name of their class."""

    files: int = 0
    labels: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    error_count: int = 0
    errors: list[ImportFault] = field(default_factory=list)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> "Report":
        """A report that was stored."""
        report = ImportReport.model_validate(stored)
        objects = Counter(report.objects_by_class)
        return cls(report.files, report.labels, objects, report.error_count, list(report.errors))

    def fault(self, file: str, code: str, detail: str, *, line: int | None = None, name: str | None = None) -> None:
        """Something is wrong with a file, or with the object in it that `name` names."""
        self.error_count += 1
        if len(self.errors) < ERRORS_KEPT:
            self.errors.append(ImportFault(file=file, line=line, object=name, code=code, detail=detail))

    def nothing_applied(self) -> "Report":
        """The same faults, and nothing done."""
        return Report(files=self.files, error_count=self.error_count, errors=self.errors)

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        return ImportReport(
            files=self.files,
            labels=self.labels,
            objects=self.objects.total(),
            objects_by_class=dict(self.objects),
            error_count=self.error_count,
            errors=tuple(self.errors),
        ).model_dump(mode="json")

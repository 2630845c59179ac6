"""The one-page report of a warehouse."""

from analysis.report.page import write_report

__all__ = ["write_report"]

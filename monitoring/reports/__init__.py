"""Figures: what is counted and measured of traffic, defined once in SQL (schema `reports`, made by migrations) and read
here by pages, the API, /metrics and commands; Grafana calls the same functions.

Whole hours come from roll-ups, which the worker keeps up; the ends of a range and hours that changed since are read
from the rows themselves, so that a figure is right before the worker has been there, and fast after. docs/figures.md
says what each figure means.
"""

from monitoring.reports.filters import Filters
from monitoring.reports.reading import read, steps
from monitoring.reports.registry import REPORTS, Column, Report
from monitoring.reports.upkeep import refresh

__all__ = ["REPORTS", "Column", "Filters", "Report", "read", "refresh", "steps"]

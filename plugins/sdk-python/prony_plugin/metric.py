"""Figures of the plugin's own. They stand in results, and thresholds know them as ``metric NAME.FIGURE``.

Make them once, at the top of the module: ``orders = metric.Counter("orders", unit="orders")``. A unit is any word
(``EUR``, ``bytes``, ``ms``), or empty for a bare number; a name has one kind and one unit in a run.
"""

from __future__ import annotations

from prony_plugin import _crossing, _host


class _Metric:
    __slots__ = ("name", "unit")

    def __init__(self, name: str, unit: str = "") -> None:
        self.name = _crossing.text(name, "the metric's name")
        self.unit = _crossing.text(unit, "the metric's unit")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, unit={self.unit!r})"


class Counter(_Metric):
    """A sum that only grows."""

    __slots__ = ()

    def add(self, amount: float = 1) -> None:
        """Adds to the counter. Amounts below zero are not counted."""
        _host.metric.add(self.name, self.unit, float(amount))


class Gauge(_Metric):
    """A value that goes up and down: results have its latest, least and largest."""

    __slots__ = ()

    def set(self, value: float) -> None:
        """Sets the gauge."""
        _host.metric.set(self.name, self.unit, float(value))


class Trend(_Metric):
    """A distribution: results have its percentiles, with 3 significant digits from 0.001 to 9e12."""

    __slots__ = ()

    def record(self, value: float) -> None:
        """Records a value. One below zero counts as zero."""
        _host.metric.trend(self.name, self.unit, float(value))

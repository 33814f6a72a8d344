"""Rows of the plan's data sources (``data:``), by the source's name."""

from __future__ import annotations

from prony_plugin import _crossing, _host
from prony_plugin.errors import DataError

Row = dict[str, str]


def next(source: str) -> Row | None:
    """The next row, in the order the plan gives the source. None when the source ends and has no row left."""
    try:
        row = _host.data.next(_crossing.text(source, "the source"))
    except _host.Err as error:
        raise DataError(error.value) from None
    return None if row is None else dict(row)


def at(source: str, number: int) -> Row:
    """Row ``number``, from 0; numbers beyond the last begin again from the first."""
    try:
        return dict(
            _host.data.at(_crossing.text(source, "the source"), _crossing.whole(number, 0, 2**64 - 1, "the row"))
        )
    except _host.Err as error:
        raise DataError(error.value) from None


def rows(source: str) -> int:
    """How many rows there are."""
    try:
        return _host.data.rows(_crossing.text(source, "the source"))
    except _host.Err as error:
        raise DataError(error.value) from None

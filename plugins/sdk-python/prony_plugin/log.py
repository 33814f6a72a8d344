"""Lines for people. Prony shows ``warn`` and above, and all of them in ``prony plugin test``.

Lines are limited in length and number; what is beyond the limit is counted and left out.
"""

from __future__ import annotations

from prony_plugin import _host
from prony_plugin._crossing import clean


def debug(message: object) -> None:
    """For the plugin's author."""
    _host.log.log(_host.log.Level.DEBUG, clean(str(message)))


def info(message: object) -> None:
    """Worth knowing. ``print`` in a plugin does the same."""
    _host.log.log(_host.log.Level.INFO, clean(str(message)))


def warn(message: object) -> None:
    """Probably not as it should be."""
    _host.log.log(_host.log.Level.WARN, clean(str(message)))


def error(message: object) -> None:
    """Wrong."""
    _host.log.log(_host.log.Level.ERROR, clean(str(message)))

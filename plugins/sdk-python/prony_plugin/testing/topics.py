"""Topics, and the filters that match them."""

from __future__ import annotations


def matches(filter: str, topic: str) -> bool:
    """Whether a filter matches: ``+`` is one level, ``#`` any number of them, neither is one that begins with ``$``."""
    if topic.startswith("$") and filter.startswith(("+", "#")):
        return False
    asked, levels = filter.split("/"), topic.split("/")
    for place, level in enumerate(asked):
        if level == "#":
            return True
        if place >= len(levels) or level not in ("+", levels[place]):
            return False
    return len(asked) == len(levels)


def shared(filter: str) -> tuple[str, str] | None:
    """The group and the filter of a shared subscription."""
    parts = filter.split("/", 2)
    return (parts[1], parts[2]) if parts[0] == "$share" and len(parts) == 3 else None


def mistake(filter: str) -> str | None:
    """What is wrong with a filter, if anything is."""
    group = shared(filter)
    levels = (group[1] if group else filter).split("/")
    for place, level in enumerate(levels):
        wrong = level not in ("+", "#") and ("+" in level or "#" in level)
        if wrong or (level == "#" and place + 1 < len(levels)) or levels == [""]:
            return f"`{filter}` is no topic filter: `+` stands for a whole level, and `#` at the end for all others"
    return None

"""Lengths of time in words."""

from django.template import Library

register = Library()
UNITS = (("d", 86400), ("h", 3600), ("min", 60))


@register.filter
def lasted(seconds: float | str | None) -> str:
    """Return a length of time in its two largest units: 2 d 3 h, 4 min 10 s, 0.8 s."""
    if seconds is None or isinstance(seconds, str):  # a template gives "" for what is not there
        return "none"
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s".replace(".0 s", " s")
    rest = round(seconds)
    words: list[str] = []
    for unit, size in (*UNITS, ("s", 1)):
        count, rest = divmod(rest, size)
        if count or words:
            words.append(f"{count} {unit}" if count else "")
        if len(words) == 2:
            break
    return " ".join(word for word in words if word)

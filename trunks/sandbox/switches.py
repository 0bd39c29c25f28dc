"""The behaviours Zoom leaves undocumented, each a switch with a default."""

from collections.abc import Mapping

CHOICES: dict[str, tuple[str, ...]] = {
    "trunk_id": ("own", "master"),
    "assign_body": ("full", "empty", "none204"),
    "list_caller_id": ("yes", "no"),
    "second_assignment": ("add", "replace", "refuse"),
    "duplicate_dnis": ("accept", "refuse"),
    "partial": ("no", "yes"),
    "delete_unknown": ("404", "204", "400"),
    "token_rule": ("many", "one"),
}
# What each is about, for the help.
ABOUT = {
    "trunk_id": "whether an assigned trunk has an id of its own or the master trunk's",
    "assign_body": "what a successful assignment is answered with",
    "list_caller_id": "whether lists show the caller ID",
    "second_assignment": "what a second assignment of the same master trunk does",
    "duplicate_dnis": "what becomes of a DNIS that another sub account has",
    "partial": "whether the good lines of a call with a bad one are applied",
    "delete_unknown": "how the removal of a trunk that is gone is answered",
    "token_rule": "whether a new token ends the one before",
    "list_delay": "how many seconds pass until a list shows a change",
}
MAX_LIST_DELAY_SECONDS = 3600.0
DEFAULTS = {name: choices[0] for name, choices in CHOICES.items()} | {"list_delay": "0"}


class Switches:
    """The current setting of every switch; reading one through `[]` is what code that obeys it does."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        """Start from the defaults, changed by `values`."""
        self._values = dict(DEFAULTS)
        for name, value in (values or {}).items():
            self.set(name, value)

    def __getitem__(self, name: str) -> str:
        """Return the setting of one switch."""
        return self._values[name]

    @property
    def list_delay(self) -> float:
        """Seconds until a list shows a change."""
        return float(self._values["list_delay"])

    def set(self, name: str, value: str) -> None:
        """Change a switch; raises ValueError with the allowed values."""
        if name == "list_delay":
            value = _delay(value)
        elif name not in CHOICES:
            raise ValueError(f"no switch {name!r}; there are {', '.join(sorted(DEFAULTS))}")
        elif value not in CHOICES[name]:
            raise ValueError(f"switch {name} is one of {', '.join(CHOICES[name])}, not {value!r}")
        self._values[name] = value

    def set_all(self, values: Mapping[str, str]) -> None:
        """Change several switches, or none when one value is bad."""
        Switches(values)
        for name, value in values.items():
            self.set(name, value)

    def reset(self, values: Mapping[str, str]) -> None:
        """Go back to the defaults, changed by `values`."""
        self._values = Switches(values).as_dict()

    def as_dict(self) -> dict[str, str]:
        """Return all switches."""
        return dict(self._values)

    def changed(self) -> str:
        """Return `name=value` for each switch away from its default, for the log."""
        return ",".join(f"{name}={value}" for name, value in self._values.items() if value != DEFAULTS[name])


def _delay(value: str) -> str:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = -1.0
    if not 0 <= seconds <= MAX_LIST_DELAY_SECONDS:
        raise ValueError(f"switch list_delay is 0 to {MAX_LIST_DELAY_SECONDS:g} seconds, not {value!r}")
    return f"{seconds:g}"

"""docs/configuration.md lists every variable the portal reads, each with its default."""

import ast
import re
from pathlib import Path

from portal import environment
from tests.processes import ROOT

READERS = {
    "text",
    "secret",
    "signing_secret",
    "flag",
    "number",
    "whole",
    "words",
    "secret_words",
    "pairs",
    "choice",
    "web_address",
    "fernet_keys",
    "weekdays",
    "zone",
    "dates",
    "signing_key",
    "trusted_keys",
    "receiver",
    "folder",
    "hosts",
    "redis_address",
}
SECRET_READERS = {"secret", "secret_words", "signing_secret", "fernet_keys", "signing_key", "redis_address"}


def variables() -> dict[str, ast.Call]:
    """Return the variables that settings.py reads, each with the call that reads it."""
    tree = ast.parse((ROOT / "portal" / "settings.py").read_text(encoding="utf-8"))
    found = {}
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="env"), attr=attr),
                args=[ast.Constant(value=str(name)), *_],
            ) if attr in READERS:
                found[name] = node
    return found


def rows() -> dict[str, str]:
    """Return the table of docs/configuration.md as variable → rest of its row."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([A-Z_]+)` \|(.*)\|$", text, re.MULTILINE))


def test_the_readers_are_the_ones_there_are() -> None:
    made = {
        name
        for name, value in vars(environment).items()
        if callable(value) and value.__module__ == environment.__name__
    }
    assert made - {"is_loopback", "is_ip_address", "host_of", "made", "speak_plainly"} == READERS


def test_settings_read_the_environment_through_the_checking_readers_only() -> None:
    code = [ROOT / "portal" / "settings.py", ROOT / "portal" / "celery_settings.py"]
    assert [path.name for path in code if re.search(r"os\.(?:environ|getenv)", Path(path).read_text())] == []


def test_every_variable_is_documented_and_every_documented_variable_is_read() -> None:
    assert variables()
    assert set(rows()) == set(variables())


def test_every_documented_default_is_the_one_in_the_code() -> None:
    for name, call in variables().items():
        default = next(
            (arg for arg in [*call.args[1:], *(k.value for k in call.keywords if k.arg == "default")]), None
        )
        if isinstance(default, ast.Constant) and default.value not in ("", None):
            shown = str(int(default.value)) if isinstance(default.value, bool) else str(default.value)
            assert f"`{shown}`" in rows()[name], name


def test_secrets_are_marked_as_such() -> None:
    for name, call in variables().items():
        assert isinstance(call.func, ast.Attribute)
        assert ("`" + name + "_FILE`" in rows()[name]) == (call.func.attr in SECRET_READERS), name

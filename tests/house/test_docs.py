"""What the docs name must exist: files, anchors, modules, functions, tests, make targets, commands, pages, settings."""

import re
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands
from django.urls import Resolver404, resolve

from tests.house.test_rules import tracked
from tests.processes import ROOT

DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
FILE = re.compile(r"(?:portal|trunks|templates|static|tests|docs|requirements|\.ci)/[\w./*-]*")
MODULE = re.compile(r"(?:portal|trunks|tests)(?:\.\w+)+")
ELSEWHERE = re.compile(
    r"(?<![\w.:/…}])/(?:work|home|root|tmp|usr|var|opt|etc|mnt|srv)\b|(?<!\w)~/|\.\./\.\./"
)


@pytest.fixture(params=DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def doc(request: pytest.FixtureRequest) -> Path:
    """Return each document in turn."""
    path: Path = request.param
    return path


def text(doc: Path) -> str:
    return doc.read_text(encoding="utf-8")


def spans(doc: Path) -> list[str]:
    return SPAN.findall(text(doc))


def commands(doc: Path) -> str:
    """Return everything that is set as code, as one text to look for command lines in."""
    return "\n".join([*spans(doc), *BLOCK.findall(text(doc))])


def anchors(doc: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub and its like make them."""
    headings = re.findall(r"^#+ (.+)$", text(doc), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@cache
def code() -> str:
    kinds = {".py", ".toml", ".yml", ".html"}
    paths = [path for path in tracked() if path.suffix in kinds or path.name == "Makefile"]
    return "\n".join((ROOT / path).read_text(encoding="utf-8") for path in paths)


def broken_links(doc: Path) -> list[str]:
    local = [link for link in LINK.findall(text(doc)) if not re.match(r"[a-z]+:", link)]
    return [link for link in local if not _hits(doc, *link.partition("#")[::2])]


def _hits(doc: Path, name: str, anchor: str) -> bool:
    """Say whether a link of `doc` to the file `name` (its own when empty) leads to something in the repository."""
    target = (doc.parent / name).resolve() if name else doc
    if not target.is_relative_to(ROOT) or not target.exists():
        return False
    return not anchor or anchor in anchors(target)


def exists(name: str) -> bool:
    """Say whether a dotted name is a module, or something that its longest module names."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file.exists():
                return all(re.search(rf"\b{part}\b", text(file)) for part in parts[length:])
    return False


def leads_somewhere(address: str) -> bool:
    try:
        resolve(address.replace("<pk>", "1").partition("?")[0])
    except Resolver404:
        return False
    return True


def test_there_are_docs_to_look_at() -> None:
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"} <= {doc.name for doc in DOCS}
    assert {"architecture.md", "decisions.md", "operations.md", "configuration.md"} <= {
        doc.name for doc in DOCS
    }


def test_every_link_leads_somewhere_in_the_repository(doc: Path) -> None:
    assert broken_links(doc) == []


def test_every_file_that_is_named_exists(doc: Path) -> None:
    named = [span for span in spans(doc) if FILE.fullmatch(span)]
    assert [name for name in named if not list(ROOT.glob(name))] == []


def test_every_module_that_is_named_exists(doc: Path) -> None:
    named = [span for span in spans(doc) if MODULE.fullmatch(span)]
    assert [name for name in named if not exists(name)] == []


def test_every_function_that_is_named_exists(doc: Path) -> None:
    named = re.findall(r"`(?:\w+\.)?(\w+)\(\)`", text(doc))
    assert [name for name in named if not re.search(rf"\bdef {name}\(", code())] == []


def test_every_test_that_is_named_exists(doc: Path) -> None:
    named = [span for span in spans(doc) if re.fullmatch(r"test_\w+", span)]
    assert [name for name in named if f"def {name}(" not in code()] == []


def test_every_make_target_exists(doc: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z][\w-]*)", commands(doc))) - targets == set()


def test_every_management_command_exists(doc: Path) -> None:
    assert set(re.findall(r"manage\.py ([a-z]\w*)", commands(doc))) - set(get_commands()) == set()


def test_every_page_that_is_named_exists(doc: Path) -> None:
    named = [span for span in spans(doc) if re.fullmatch(r"/[\w/<>?=-]*", span)]
    assert [address for address in named if not leads_somewhere(address)] == []


def test_every_name_in_capitals_is_one_of_the_codes(doc: Path) -> None:
    named = {span.partition("=")[0] for span in spans(doc) if re.fullmatch(r"[A-Z]+_[A-Z_]+(?:=\S*)?", span)}
    assert [name for name in named if not re.search(rf"\b{name.removesuffix('_FILE')}\b", code())] == []


def test_nothing_outside_the_repository_is_named(doc: Path) -> None:
    assert ELSEWHERE.findall(text(doc)) == []


@pytest.mark.parametrize("lock", ["base", "dev"])
def test_every_dependency_is_accounted_for(lock: str) -> None:
    listed = (ROOT / "requirements" / f"{lock}.in").read_text(encoding="utf-8")
    told = text(ROOT / "docs" / "decisions.md").partition("## Dependencies")[2]
    names = re.findall(r"^([a-z][\w-]*)", listed, re.MULTILINE)
    assert names
    assert [name for name in names if not re.search(rf"(?:^\| |, ){name}\b", told, re.MULTILINE)] == []


def test_the_reader_finds_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not exists("trunks.workflow.nothing")
    assert exists("trunks.tasks.provision")
    assert not leads_somewhere("/nothing/")
    assert leads_somewhere("/trunks/<pk>/")
    assert ELSEWHERE.findall("see /tmp/x")
    assert not ELSEWHERE.findall("see portal/home and /requests/")
    monkeypatch.setattr("tests.house.test_docs.ROOT", tmp_path / "inside")
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.md").touch()
    wrong = tmp_path / "inside" / "wrong.md"
    wrong.write_text("# One\n[a](no.md) [b](#two) [c](#one) [d](https://example.org) [e](../outside.md)\n")
    assert broken_links(wrong) == ["no.md", "#two", "../outside.md"]

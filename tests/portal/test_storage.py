"""Static files get hashed names, and a vendor's missing source map is no reason to fail."""

import json
from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.management import call_command
from pytest_django import Settings


@pytest.fixture
def source(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "portal.storage.StaticFiles"}}
    return folder


def test_collectstatic_hashes_compresses_and_ignores_source_maps(source: Path, tmp_path: Path) -> None:
    (source / "vendor.css").write_text(
        "a{background:url(dot.svg)}\n" * 40 + "/*# sourceMappingURL=vendor.css.map */\n"
    )
    (source / "vendor.js").write_text("let a = 1;\n//# sourceMappingURL=vendor.js.map")
    (source / "dot.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    call_command("collectstatic", interactive=False, verbosity=0)
    collected = tmp_path / "collected"
    names = json.loads((collected / "staticfiles.json").read_text())["paths"]
    assert names["dot.svg"] in (collected / names["vendor.css"]).read_text()
    assert "sourceMappingURL=vendor.js.map" in (collected / names["vendor.js"]).read_text()
    assert (collected / f"{names['vendor.css']}.gz").exists()


def test_collectstatic_still_finds_a_picture_that_is_missing(source: Path) -> None:
    (source / "own.css").write_text("a{background:url(gone.svg)}")
    with pytest.raises(ValueError, match=r"gone\.svg"):
        call_command("collectstatic", interactive=False, verbosity=0)


def test_collectstatic_takes_everything_the_portal_serves(tmp_path: Path, settings: Settings) -> None:
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "portal.storage.StaticFiles"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    assert staticfiles_storage.url("vendor/tabler/tabler.min.css").endswith(".css")
    assert list((tmp_path / "collected" / "vendor" / "tabler").glob("tabler.min.*.css"))


def test_an_address_is_worked_out_once(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source / "own.css").write_text("a{}")
    call_command("collectstatic", interactive=False, verbosity=0)
    address = staticfiles_storage.url("own.css")
    assert address.startswith("/static/own.")
    monkeypatch.setattr(ManifestStaticFilesStorage, "url", None)
    assert staticfiles_storage.url("own.css") == address


def test_a_page_can_be_shown_before_anything_was_collected(tmp_path: Path, settings: Settings) -> None:
    settings.STATIC_ROOT = tmp_path / "nothing"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "portal.storage.StaticFiles"}}
    assert staticfiles_storage.url("vendor/tabler/tabler.min.css") == "/static/vendor/tabler/tabler.min.css"

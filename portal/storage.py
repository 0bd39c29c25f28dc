"""Static files under names that carry their content's hash, so that browsers may keep them for ever."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.utils.functional import cached_property
from whitenoise.storage import CompressedManifestStaticFilesStorage

_Patterns = Iterable[tuple[str, Iterable[Any]]]


def _without_source_maps(patterns: _Patterns) -> _Patterns:
    """Return `patterns` without those that look for a source map.

    Vendors' files name source maps, which the portal does not serve; the stock storage refuses such a file.
    """
    return tuple(
        (extension, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for extension, rules in patterns
    )


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise's storage has no types
    """Hashed and compressed files, without source maps; plain names where nothing was collected yet."""

    patterns = _without_source_maps(ManifestStaticFilesStorage.patterns)

    def stored_name(self, name: str) -> str:
        """Return the hashed name, or `name` itself when collectstatic has not been run: a page beats an error."""
        return str(super().stored_name(name)) if self.hashed_files else name

    def url(self, name: str, force: bool = False) -> str:
        """Return the address of a file; of what was collected, which stays as it is, it is worked out once."""
        if force or not self.hashed_files:
            return str(super().url(name, force))
        if name not in self._addresses:
            self._addresses[name] = str(super().url(name))
        return self._addresses[name]

    @cached_property
    def _addresses(self) -> dict[str, str]:
        return {}

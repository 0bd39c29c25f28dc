"""Templates as Django draws them, without what it would leave behind of each page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template import TemplateDoesNotExist
from django.template.backends import django
from django.template.context import make_context
from django.utils.safestring import SafeString


class Templates(django.DjangoTemplates):
    """Django's own engine, whose templates forget what they were given."""

    def from_string(self, template_code: str) -> Forgetting:
        return Forgetting(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> Forgetting:
        return Forgetting(super().get_template(template_name).template, self)


class Forgetting(django.Template):
    """A template that lets go of what it was given when it has drawn it.

    Django's contexts hold themselves in a cycle, and with it all that a page shows: only the garbage collector would
    free the events of a trail's page, and a later page would wait for it.
    """

    def render(self, context: dict[str, Any] | None = None, request: HttpRequest | None = None) -> SafeString:
        given = make_context(context, request, autoescape=self.backend.engine.autoescape)
        try:
            drawn = self.template.render(given)
        except TemplateDoesNotExist as error:
            django.reraise(error, self.backend)
        given.dicts.clear()
        return drawn

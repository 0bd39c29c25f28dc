"""The lists of django-auditlog and of Django's own LogEntry in the admin, over the portal's events. Run by audit_read.

It has a project of its own, in a schema of its own beside the portal's tables, and its own virtual environment: nothing
of it may enter the portal. Prints the seconds of each page as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from pkgutil import resolve_name
from typing import Any

import django
from django.conf import settings

APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "auditlog",
    "django.contrib.admin",
]
FILL = (
    "INSERT INTO peers.auth_user (id, username, email, password, first_name, last_name, is_superuser, is_staff,"
    " is_active, date_joined) SELECT id, email, email, '', name, '', true, true, true, now() FROM public.trunks_user",
    "INSERT INTO peers.auditlog_logentry (content_type_id, object_pk, object_id, object_repr, action, changes,"
    " changes_text, actor_id, actor_email, remote_addr, timestamp) SELECT 1, object_id, object_id::bigint,"
    " object_label, CASE action WHEN 'request.filed' THEN 0 ELSE 1 END, after::jsonb, '', actor_id,"
    " NULLIF(actor_email, ''), NULLIF(ip, '')::inet, at FROM public.trunks_auditevent ORDER BY id",
    "INSERT INTO peers.django_admin_log (action_time, user_id, content_type_id, object_id, object_repr, action_flag,"
    " change_message) SELECT at, COALESCE(actor_id, (SELECT MIN(id) FROM peers.auth_user)), 1, object_id,"
    " object_label, CASE action WHEN 'request.filed' THEN 1 ELSE 2 END, '' FROM public.trunks_auditevent ORDER BY id",
)
LISTS = {"auditlog": "auditlog/logentry", "LogEntry in the admin": "admin/logentry"}
urlpatterns: list[Any] = []  # the admin's, once its apps are loaded
PER_PAGE = 50  # as the portal's own


def configure(host: str) -> None:
    settings.configure(
        SECRET_KEY="measured",
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        ROOT_URLCONF=__name__,
        INSTALLED_APPS=APPS,
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="static/",
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "portal",
                "USER": "portal",
                "HOST": host,
                "OPTIONS": {"options": "-c search_path=peers"},
            }
        },
    )
    django.setup()


def fill() -> None:
    """Make the tables anew in their schema, and put the portal's events into both."""
    connection = resolve_name("django.db:connection")
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS peers CASCADE")
        cursor.execute("CREATE SCHEMA peers")
    resolve_name("django.core.management:call_command")("migrate", verbosity=0)
    with connection.cursor() as cursor:
        for statement in FILL:
            cursor.execute(statement)
        cursor.execute("ANALYZE")


def address(name: str, number: int, chance: random.Random) -> str:
    """Return one page of a list: any of its filters, at any depth that has rows."""
    people = list(range(1, 61))
    kinds: dict[str, tuple[dict[str, Any], ...]] = {
        "auditlog": ({}, {"action": 1}, {"actor__id__exact": chance.choice(people)}),
        "LogEntry in the admin": ({}, {"action_flag": 2}, {"user__id__exact": chance.choice(people)}),
    }
    shares = {"action": 0.8, "action_flag": 0.8}
    chosen: dict[str, Any] = chance.choice(kinds[name])
    share = min((shares.get(key, 0.002) for key in chosen), default=1.0)
    page = chance.randint(1, max(1, int(number * share / PER_PAGE)))
    query = "&".join(f"{key}={value}" for key, value in {**chosen, "p": page}.items())
    return f"/admin/{LISTS[name]}/?{query}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True)
    parser.add_argument("--pages", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args()
    configure(options.host)
    fill()
    sites = resolve_name("django.contrib.admin")
    log_entry = resolve_name("django.contrib.admin.models:LogEntry")
    plain = type("Plain", (sites.ModelAdmin,), {"list_filter": ["action_flag"], "list_per_page": PER_PAGE})
    sites.site.register(log_entry, plain)
    sites.autodiscover()
    urlpatterns.append(resolve_name("django.urls:path")("admin/", sites.site.urls))
    for model_admin in sites.site._registry.values():
        model_admin.list_per_page = PER_PAGE
    client = resolve_name("django.test:Client")()
    client.force_login(resolve_name("django.contrib.auth:get_user_model")().objects.order_by("pk")[0])
    number = log_entry.objects.count()
    chance = random.Random(options.seed)  # noqa: S311  # to draw the same each time
    found: dict[str, list[float]] = {}
    for name in LISTS:
        for _ in range(options.pages):
            page = address(name, number, chance)
            begun = time.perf_counter()
            answer = client.get(page)
            found.setdefault(name, []).append(time.perf_counter() - begun)
            if answer.status_code not in (200, 302):  # 302: the page lies beyond the last one
                raise RuntimeError(f"{page} answered {answer.status_code}")
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()

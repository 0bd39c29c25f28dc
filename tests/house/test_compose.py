"""docker-compose.yml and Dockerfile keep their promises; no container is started here."""

import re
from typing import Any

import pytest
import yaml

from tests.house.test_configuration import SECRET_READERS, variables
from tests.processes import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PORTAL = ("web", "worker", "beat", "migrate", "sandbox")
ONE_SHOT = "migrate"


def test_the_services_are_these() -> None:
    assert set(SERVICES) == {*PORTAL, "db", "redis"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_runs_without_privileges_on_a_read_only_file_system(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in ("", "root", "0", "0:0")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {ONE_SHOT}))
def test_every_lasting_service_has_a_health_check_and_comes_back(name: str) -> None:
    assert {"test", "interval", "timeout", "retries"} <= set(SERVICES[name]["healthcheck"])
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_fills_the_disk_with_what_it_writes_to_the_log(name: str) -> None:
    logging = SERVICES[name]["logging"]
    assert logging == {"driver": "local", "options": {"max-size": "20m", "max-file": "5"}}


def test_parallel_queries_have_room_for_what_they_share() -> None:
    assert SERVICES["db"]["shm_size"] == "256mb"


def test_migration_runs_once_and_before_everything_else() -> None:
    assert SERVICES[ONE_SHOT]["restart"] == "no"
    for name in ("web", "worker", "beat"):
        waits = SERVICES[name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["db"] == waits["redis"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["db", "redis"])
def test_databases_are_pinned_and_cannot_be_reached_from_outside(name: str) -> None:
    assert re.fullmatch(r"[a-z]+:\d+\.\d+(?:\.\d+)?-bookworm", SERVICES[name]["image"])
    assert "ports" not in SERVICES[name]
    assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_only_the_web_is_published_and_only_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_every_secret_is_a_file() -> None:
    assert all(secret == {"file": f"./secrets/{name}"} for name, secret in COMPOSE["secrets"].items())
    given = [name for service in SERVICES.values() for name in service.get("environment", {})]
    secret = {name for name, call in variables().items() if getattr(call.func, "attr", "") in SECRET_READERS}
    # Redis asks for no password on the internal network, so its address is none.
    assert not {*(secret - {"REDIS_URL"}), "POSTGRES_PASSWORD"} & set(given)
    for name in PORTAL:
        files = [value for key, value in SERVICES[name]["environment"].items() if key.endswith("_FILE")]
        read = {f"/run/secrets/{secret}" for secret in SERVICES[name]["secrets"]}
        # The one that migrates reads the other's address as well, to make its role.
        assert set(files) == read - ({"/run/secrets/database_url"} if name == ONE_SHOT else set())


def test_the_owner_of_the_tables_migrates_and_another_role_runs_the_portal() -> None:
    address = {name: SERVICES[name]["environment"]["DATABASE_URL_FILE"] for name in PORTAL}
    assert address.pop(ONE_SHOT) == "/run/secrets/owner_url"
    assert set(address.values()) == {"/run/secrets/database_url"}
    assert all("owner_url" not in SERVICES[name]["secrets"] for name in address)
    steps = SERVICES[ONE_SHOT]["command"][-1].splitlines()
    assert "migrate" in steps[0]
    assert steps[1].endswith("grant_runtime --url-file /run/secrets/database_url")


def test_the_portal_is_given_only_variables_that_it_reads() -> None:
    known = set(variables())
    for name in PORTAL:
        assert {key.removesuffix("_FILE") for key in SERVICES[name]["environment"]} <= known


# What an override adds (a file, a folder), what the image has, what is for development, and a key of the past.
NOT_GIVEN = {"OIDC_CLIENT_SECRET", "METRICS_TOKEN", "SECRET_KEY_FALLBACKS", "AUDIT_ARCHIVE_DIR"}
NOT_GIVEN |= {"DATA_DIR", "DEBUG", "STATIC_MANIFEST"}


def test_every_variable_can_be_given_without_touching_the_file() -> None:
    given = {key.removesuffix("_FILE") for key in SERVICES["worker"]["environment"]}
    assert given | NOT_GIVEN == set(variables())
    workers_own = {"AUDIT_SIGNING_KEY", "AUDIT_DIGEST_DIR"}
    for name in PORTAL:
        assert {key.removesuffix("_FILE") for key in SERVICES[name]["environment"]} >= given - workers_own


def test_every_secret_that_is_a_file_is_made_by_the_steps_of_the_docs() -> None:
    steps = (ROOT / "docs" / "installation.md").read_text(encoding="utf-8")
    assert all(f"> secrets/{name}\n" in steps for name in COMPOSE["secrets"])


def test_the_stand_in_for_zoom_runs_only_when_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"sandbox"}
    assert SERVICES["sandbox"]["profiles"] == ["sandbox"]
    assert not any("sandbox" in service.get("depends_on", {}) for service in SERVICES.values())


def test_what_must_last_is_in_named_volumes() -> None:
    assert set(COMPOSE["volumes"]) == {"data", "database", "digests"}
    assert SERVICES["db"]["volumes"] == ["database:/var/lib/postgresql/data"]
    assert all(SERVICES[name]["volumes"] == ["data:/data"] for name in PORTAL if name != "worker")
    assert SERVICES["worker"]["volumes"] == ["data:/data", "digests:/digests"]


def test_only_the_worker_holds_the_key_that_signs_the_audit_trail() -> None:
    holders = [
        name for name, service in SERVICES.items() if "audit_signing_key" in service.get("secrets", [])
    ]
    assert holders == ["worker"]


def test_a_worker_has_time_to_finish_its_conversation_with_zoom() -> None:
    default = variables()["HTTP_DEADLINE_SECONDS"].args[1]
    seconds = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
    assert seconds > getattr(default, "value", 10**6)


def test_the_image_is_made_of_the_same_locks_as_every_other_installation() -> None:
    assert "COPY requirements/base.txt" in DOCKERFILE
    assert "--require-hashes -r /tmp/base.txt" in DOCKERFILE
    assert "npm ci --ignore-scripts" in DOCKERFILE
    assert {SERVICES[name]["image"] for name in PORTAL} == {"sip-trunk-portal:0.1.0"}


def test_the_image_begins_from_pinned_ones_and_ends_as_an_ordinary_user() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(bases) == 3
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-\S+", base) for base in bases)
    assert re.findall(r"^USER (\S+)", DOCKERFILE, re.MULTILINE) == ["portal"]
    assert "--uid 10001" in DOCKERFILE


def test_only_named_files_can_get_into_the_image() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not [rule for rule in rules if rule.startswith(("!.env", "!secrets", "!.data"))]
    for source in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all(f"!{path}" in rules for path in source.split())

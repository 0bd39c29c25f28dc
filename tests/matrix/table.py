"""What each caller gets from each address. Whoever adds an address adds its row here, or the suite fails."""

from __future__ import annotations

from tests.matrix.rows import (
    ADMINISTRATORS,
    BY_LINK,
    CHECKED,
    EVERYBODY,
    HANDED_IN,
    INDEX,
    OPEN,
    OWN,
    READERS,
    SHUT,
    STAFF,
    SUPERVISORS,
    TRAIL_OF_HERE,
    Row,
    action,
    administrators,
    cells,
    form,
    invitation,
    one,
    page,
    revocation,
    staff_member,
)
from tests.matrix.scene import CALLERS

ROWS: dict[str, Row] = {
    "healthz": Row("/healthz", {"GET": OPEN, "HEAD": OPEN}, SHUT),
    "readyz": Row("/readyz", dict.fromkeys(("GET", "HEAD"), dict.fromkeys(CALLERS, 503)), SHUT),
    "metrics": Row("/metrics", {"GET": OPEN, "HEAD": OPEN}, SHUT),
    "": page("/", EVERYBODY),
    "requests/": page("/requests/", EVERYBODY),
    "requests/new/": form(
        "/requests/new/", STAFF, {**STAFF, "staff": 422, "colleague": 422, "foreign_staff": 422}
    ),
    "requests/new/form/": action("/requests/new/form/", STAFF),
    "requests/new/sub-accounts/": page("/requests/new/sub-accounts/", STAFF),
    "requests/new/present/": page("/requests/new/present/", STAFF),
    "requests/new/next-dnis/": page(
        lambda scene: f"/requests/new/next-dnis/?trunk={scene.estate.trunk.pk}",
        cells(403, staff=200, colleague=200, foreign_staff=404),
    ),
    "requests/import/": form(
        "/requests/import/", STAFF, {**STAFF, "staff": 422, "colleague": 422, "foreign_staff": 422}
    ),
    # That a supervisor has seen this version is noted, for when it is amended.
    "requests/<reference:reference>/": Row(one(), {"GET": OWN}, notes=frozenset({"trunks_look"})),
    "requests/<reference:reference>/versions/": page(one("versions/"), OWN),
    "requests/<reference:reference>/live/": page(one("live/"), OWN),
    "requests/<reference:reference>/zoom-now/": Row(
        # Zoom is asked: its token, the rate budget and whether it answers are kept for all processes.
        one("zoom-now/"),
        {"GET": OWN},
        notes=frozenset({"trunks_circuit", "trunks_ratebudget", "trunks_zoomtoken"}),
    ),
    "requests/<reference:reference>/amend/": form(
        one("amend/"),
        cells(403, staff=200, foreign=404, roleless=404),
        cells(403, staff=422, foreign=404, roleless=404),
    ),
    "requests/<reference:reference>/approve/": action(one("approve/"), HANDED_IN),
    "requests/<reference:reference>/take-back/": action(one("take-back/"), HANDED_IN),
    "requests/<reference:reference>/revalidate/": action(one("revalidate/"), HANDED_IN),
    "requests/<reference:reference>/deny/": action(one("deny/"), HANDED_IN),
    "requests/<reference:reference>/send-back/": action(one("send-back/"), HANDED_IN),
    "requests/<reference:reference>/withdraw/": action(one("withdraw/"), HANDED_IN),
    "requests/<reference:reference>/retry/": action(one("retry/"), HANDED_IN),
    "requests/<reference:reference>/check/": action(one("check/"), CHECKED),
    "requests/<reference:reference>/give-up/": action(one("give-up/"), HANDED_IN),
    "requests/<reference:reference>/end-alarm/": action(one("end-alarm/"), HANDED_IN),
    "requests/<reference:reference>/end-displaced/": action(one("end-displaced/"), HANDED_IN),
    "requests/<reference:reference>/evidence/": Row(
        # That it was taken is an event of the request.
        one("evidence/"),
        {"GET": cells(403, manager=200, administrator=200, foreign=404, roleless=404)},
        notes=frozenset({"trunks_auditevent", "trunks_audithead"}),
    ),
    "requests/<reference:reference>/attempts/": page(one("attempts/"), OWN),
    "requests/<reference:reference>/story/": page(
        one("story/"), cells(403, manager=200, administrator=200, foreign=404, roleless=404)
    ),
    "writing/": page("/writing/", EVERYBODY),
    "writing/stop/": action("/writing/stop/", cells(403, supervisor=422, foreign_supervisor=422)),
    "writing/<int:pk>/ask/": action(
        lambda scene: f"/writing/{scene.stop.pk}/ask/", cells(403, supervisor=302, foreign_supervisor=302)
    ),
    "writing/<int:pk>/confirm/": action(
        lambda scene: f"/writing/{scene.stop.pk}/confirm/", cells(403, supervisor=409, foreign_supervisor=409)
    ),
    "writing/<int:pk>/decline/": action(
        lambda scene: f"/writing/{scene.stop.pk}/decline/", cells(403, supervisor=422, foreign_supervisor=422)
    ),
    "errors/": page("/errors/", ADMINISTRATORS),
    "approvals/": page("/approvals/", SUPERVISORS),
    # Asked for nothing in particular, it leads back to the queue.
    "approvals/together/": form(
        "/approvals/together/",
        cells(403, supervisor=302, foreign_supervisor=302),
        cells(403, supervisor=302, foreign_supervisor=302),
    ),
    "approvals/together/<reference:reference>/": Row(
        lambda scene: f"/approvals/together/{scene.trunk_request.reference}/",
        {"GET": cells(403, supervisor=200, foreign_supervisor=404)},
        notes=frozenset({"trunks_circuit", "trunks_ratebudget", "trunks_zoomtoken"}),
    ),
    # Who supervises nothing may look (at nothing, or at what others lend), and makes none.
    "delegations/": form("/delegations/", EVERYBODY, cells(403, supervisor=422, foreign_supervisor=422)),
    "delegations/<int:pk>/end/": action(
        lambda scene: f"/delegations/{scene.delegation.pk}/end/",
        cells(404, colleague=403, supervisor=302, administrator=302),
    ),
    "trunks/": page("/trunks/", EVERYBODY),
    "trunks/<int:pk>/": page(lambda scene: f"/trunks/{scene.estate.trunk.pk}/", OWN),
    "sub-accounts/": page("/sub-accounts/", EVERYBODY),
    "sub-accounts/<int:pk>/": page(lambda scene: f"/sub-accounts/{scene.estate.sub.pk}/", OWN),
    "drift/": page("/drift/", EVERYBODY),
    "masters/": page("/masters/", EVERYBODY),
    "masters/connect/": form("/masters/connect/", cells(403), cells(403)),
    "masters/<int:pk>/policy/": form(
        lambda scene: f"/masters/{scene.estate.master.pk}/policy/",
        cells(403, administrator=200, foreign=404, roleless=404),
        cells(403, administrator=422, foreign=404, roleless=404),
    ),
    "masters/<int:pk>/policy/preview/": page(
        lambda scene: f"/masters/{scene.estate.master.pk}/policy/preview/",
        cells(403, administrator=200, foreign=404, roleless=404),
    ),
    "masters/<int:pk>/sync/": action(
        lambda scene: f"/masters/{scene.estate.master.pk}/sync/",
        cells(403, administrator=302, foreign=404, roleless=404),
    ),
    "notices/": form("/notices/", EVERYBODY, cells(422)),
    "notices/unsent/": page("/notices/unsent/", ADMINISTRATORS),
    "notices/<int:pk>/again/": action(
        lambda scene: f"/notices/{scene.notice.pk}/again/",
        cells(403, administrator=302, foreign_administrator=404),
    ),
    "people/": page("/people/", ADMINISTRATORS),
    "people/invite/": form(
        "/people/invite/",
        ADMINISTRATORS,
        cells(403, administrator=422, foreign_administrator=422),
    ),
    "people/invitations/<int:pk>/renew/": action(invitation("renew/"), administrators(200)),
    "people/invitations/<int:pk>/withdraw/": action(invitation("withdraw/"), administrators(302)),
    "people/<int:pk>/": page(staff_member(), administrators(200)),
    "people/<int:pk>/grant/": action(staff_member("grant/"), administrators(422)),
    "people/<int:pk>/grants/<int:grant_pk>/revoke/": action(revocation, administrators(302)),
    "people/<int:pk>/deactivate/": action(staff_member("deactivate/"), administrators(302)),
    "people/<int:pk>/reactivate/": action(staff_member("reactivate/"), administrators(409)),
    "people/<int:pk>/end-sessions/": action(staff_member("end-sessions/"), administrators(302)),
    "people/<int:pk>/reset-factors/": action(staff_member("reset-factors/"), administrators(409)),
    "invitation/": Row("/invitation/", {"GET": BY_LINK, "POST": BY_LINK}, dict.fromkeys(CALLERS, 405)),
    "invitation/<str:token>/": Row(
        "/invitation/no-such-token/",
        {"GET": BY_LINK},
        dict.fromkeys(CALLERS, 405),
    ),
    # The administrators of the scene are those of one master account; a webhook is told of all of them.
    "webhooks/": form("/webhooks/", cells(403), cells(403)),
    "webhooks/<int:pk>/": page("/webhooks/1/", cells(403)),
    "webhooks/<int:pk>/test/": action("/webhooks/1/test/", cells(403)),
    "webhooks/<int:pk>/off/": action("/webhooks/1/off/", cells(403)),
    "webhooks/<int:pk>/on/": action("/webhooks/1/on/", cells(403)),
    "webhooks/<int:pk>/secret/": action("/webhooks/1/secret/", cells(403)),
    "webhooks/deliveries/<int:pk>/again/": action("/webhooks/deliveries/1/again/", cells(403)),
    "proof/": page("/proof/", cells(302)),
    "proof/sso/": page("/proof/sso/", cells(302)),
    "audit/export/": Row(
        # An export is an event of the trail.
        "/audit/export/?format=jsonl",
        {"GET": READERS},
        notes=INDEX | {"trunks_auditevent", "trunks_audithead"},
    ),
    "audit/files/": page("/audit/files/", READERS),
    "audit/files/ask/": action(
        "/audit/files/ask/", {who: 404 if code == 200 else code for who, code in READERS.items()}
    ),
    # Nobody has one here; whose it is, is looked at in test_prepared.
    "audit/files/<int:pk>/": Row(
        "/audit/files/1/",
        {"GET": {who: 404 if code == 200 else code for who, code in READERS.items()}},
        notes=frozenset({"trunks_auditevent", "trunks_audithead"}),
    ),
    "audit/files/<int:pk>/remove/": action(
        "/audit/files/1/remove/", {who: 302 if code == 200 else code for who, code in READERS.items()}
    ),
    "audit/verification/": page("/audit/verification/", READERS),
    "audit/verification/verify_export.py": page("/audit/verification/verify_export.py", READERS),
    "audit/verification/now/": action(
        "/audit/verification/now/",
        cells(403, manager=302, administrator=302, foreign_manager=302, foreign_administrator=302),
    ),
    "audit/": Row("/audit/", {"GET": READERS}, notes=INDEX),
    # That all of one person was read is itself put on record.
    "audit/people/<int:pk>/": Row(
        lambda scene: f"/audit/people/{scene.people['staff'].pk}/",
        {"GET": TRAIL_OF_HERE},
        notes=INDEX | {"trunks_auditevent", "trunks_audithead"},
    ),
    "audit/health/": Row("/audit/health/", {"GET": READERS}, notes=INDEX),
    # The review is for managers of all master accounts, and nobody of the scene is that. Who reviews is asked first.
    "audit/review/": page("/audit/review/", cells(403)),
    "audit/review/draw/": action("/audit/review/draw/", cells(403)),
    "audit/review/items/<int:pk>/mark/": action(
        "/audit/review/items/1/mark/", cells(403, manager=404, foreign_manager=404)
    ),
    "audit/review/<str:month>/": page("/audit/review/2026-10/", cells(403)),
    "audit/review/<str:month>/population/": Row(
        # That somebody was refused it is an event, as for every export.
        "/audit/review/2026-10/population/",
        {"GET": cells(403)},
        notes=frozenset({"trunks_auditevent", "trunks_audithead"}),
    ),
    "audit/review/<str:month>/sign-off/": action(
        "/audit/review/2026-10/sign-off/", cells(403, manager=404, foreign_manager=404)
    ),
    "audit/views/": action(
        "/audit/views/", {who: 422 if code == 200 else code for who, code in READERS.items()}
    ),
    "audit/views/<int:pk>/remove/": action(
        "/audit/views/1/remove/", {who: 302 if code == 200 else code for who, code in READERS.items()}
    ),
    "audit/<int:pk>/": page(lambda scene: f"/audit/{scene.event}/", TRAIL_OF_HERE),
}

"""The portal's addresses. `/requests/TR-000042/` names a request as people do."""

from django.urls import path, register_converter
from django.views.generic import RedirectView

from trunks.references import REFERENCE, pk_of, reference_to
from trunks.views import (
    approvals,
    attempts,
    audit,
    decisions,
    delegations,
    estate,
    evidence,
    export,
    four_eyes,
    health,
    home,
    importing,
    invitations,
    masters,
    monthly,
    notices,
    people,
    policies,
    prepared,
    proof,
    requests,
    story,
    together,
    verification,
    versions,
    webhooks,
    writing,
)


class ReferenceConverter:
    """TR-000042 in an address, the primary key in a view."""

    regex = REFERENCE

    def to_python(self, value: str) -> int:
        return pk_of(value)

    def to_url(self, value: int | str) -> str:
        return value if isinstance(value, str) else reference_to(value)


register_converter(ReferenceConverter, "reference")

ONE = "requests/<reference:reference>/"

urlpatterns = [
    path("", home.home, name="home"),
    path("requests/", requests.requests, name="requests"),
    path("requests/new/", requests.new, name="request_new"),
    path("requests/new/form/", requests.refresh_form, name="request_form"),
    path("requests/new/sub-accounts/", requests.sub_account_options, name="request_sub_accounts"),
    path("requests/new/present/", requests.present, name="request_present"),
    path("requests/new/next-dnis/", requests.next_dnis, name="request_next_dnis"),
    path("requests/import/", importing.import_table, name="request_import"),
    path(ONE, requests.detail, name="request_detail"),
    path(f"{ONE}live/", requests.live, name="request_live"),
    path(f"{ONE}zoom-now/", requests.zoom_now, name="request_zoom_now"),
    path(f"{ONE}amend/", requests.amend, name="request_amend"),
    path(f"{ONE}approve/", decisions.approve, name="request_approve"),
    path(f"{ONE}take-back/", decisions.take_back, name="request_take_back"),
    path(f"{ONE}revalidate/", decisions.revalidate, name="request_revalidate"),
    path(f"{ONE}deny/", decisions.deny, name="request_deny"),
    path(f"{ONE}send-back/", decisions.send_back, name="request_send_back"),
    path(f"{ONE}withdraw/", decisions.withdraw, name="request_withdraw"),
    path(f"{ONE}retry/", decisions.retry, name="request_retry"),
    path(f"{ONE}check/", decisions.check, name="request_check"),
    path(f"{ONE}give-up/", decisions.give_up, name="request_give_up"),
    path(f"{ONE}end-alarm/", decisions.end_alarm, name="request_end_alarm"),
    path(f"{ONE}evidence/", evidence.pack, name="request_evidence"),
    path(f"{ONE}attempts/", attempts.attempts, name="request_attempts"),
    path(f"{ONE}versions/", versions.versions, name="request_versions"),
    path(f"{ONE}story/", story.story, name="request_story"),
    path("writing/", writing.writing, name="writing"),
    path("writing/stop/", writing.stop, name="writing_stop"),
    path("writing/<int:pk>/ask/", writing.ask, name="writing_ask"),
    path("writing/<int:pk>/confirm/", writing.confirm, name="writing_confirm"),
    path("writing/<int:pk>/decline/", writing.decline, name="writing_decline"),
    path("errors/", attempts.unknown_errors, name="unknown_errors"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/together/", together.together, name="approvals_together"),
    path("approvals/together/<reference:reference>/", together.zoom, name="approvals_zoom"),
    path("delegations/", delegations.delegations, name="delegations"),
    path("delegations/<int:pk>/end/", delegations.end, name="delegation_end"),
    path("trunks/", estate.trunks, name="trunks"),
    path("trunks/<int:pk>/", estate.trunk_detail, name="trunk_detail"),
    path("sub-accounts/", estate.sub_accounts, name="sub_accounts"),
    path("sub-accounts/<int:pk>/", estate.sub_account_detail, name="sub_account_detail"),
    path("masters/", masters.masters, name="masters"),
    path("masters/connect/", masters.connect, name="master_connect"),
    path("masters/<int:pk>/policy/", policies.policy, name="master_policy"),
    path("masters/<int:pk>/policy/preview/", policies.preview, name="master_policy_preview"),
    path("masters/<int:pk>/sync/", masters.sync, name="master_sync"),
    path("people/", people.list_people, name="people"),
    path("people/invite/", invitations.invite, name="invite"),
    path("people/invitations/<int:pk>/renew/", invitations.renew, name="invitation_renew"),
    path("people/invitations/<int:pk>/withdraw/", invitations.withdraw, name="invitation_withdraw"),
    path("people/<int:pk>/", people.detail, name="person"),
    path("people/<int:pk>/grant/", people.grant, name="person_grant"),
    path("people/<int:pk>/grants/<int:grant_pk>/revoke/", people.revoke, name="person_revoke"),
    path("people/<int:pk>/deactivate/", people.deactivate, name="person_deactivate"),
    path("people/<int:pk>/reactivate/", people.reactivate, name="person_reactivate"),
    path("people/<int:pk>/end-sessions/", people.end_sessions, name="person_end_sessions"),
    path("people/<int:pk>/reset-factors/", people.reset_factors, name="person_reset_factors"),
    path("invitation/", invitations.accept, name="invitation_accept"),
    path("invitation/<str:token>/", invitations.follow, name="invitation"),
    path("notices/", notices.notices, name="notices"),
    path("notices/unsent/", notices.unsent, name="notices_unsent"),
    path("notices/<int:pk>/again/", notices.send_again, name="notice_send_again"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/<int:pk>/", webhooks.detail, name="webhook"),
    path("webhooks/<int:pk>/test/", webhooks.test, name="webhook_test"),
    path("webhooks/<int:pk>/off/", webhooks.switch_off, name="webhook_off"),
    path("webhooks/<int:pk>/on/", webhooks.switch_on, name="webhook_on"),
    path("webhooks/<int:pk>/secret/", webhooks.renew_secret, name="webhook_secret"),
    path("webhooks/deliveries/<int:pk>/again/", webhooks.send_again, name="delivery_again"),
    path("audit/", audit.trail, name="audit"),
    path("audit/verification/", verification.verification, name="audit_verification"),
    path("audit/verification/now/", verification.verify_now, name="audit_verify_now"),
    path("audit/verification/verify_export.py", verification.verifier, name="audit_verifier"),
    path("audit/export/", export.export, name="audit_export"),
    path("audit/files/", prepared.prepared, name="audit_files"),
    path("audit/files/ask/", prepared.ask, name="audit_file_ask"),
    path("audit/files/<int:pk>/", prepared.take, name="audit_file"),
    path("audit/files/<int:pk>/remove/", prepared.remove, name="audit_file_remove"),
    path("audit/<int:pk>/", audit.event, name="audit_event"),
    path("audit/people/<int:pk>/", audit.person, name="audit_person"),
    path("audit/health/", four_eyes.report, name="audit_health"),
    path("audit/review/", monthly.reviews, name="audit_review"),
    path("audit/review/draw/", monthly.draw, name="audit_review_draw"),
    path("audit/review/items/<int:pk>/mark/", monthly.mark, name="audit_review_mark"),
    path("audit/review/<str:month>/", monthly.month, name="audit_review_month"),
    path("audit/review/<str:month>/population/", monthly.population, name="audit_review_population"),
    path("audit/review/<str:month>/sign-off/", monthly.sign_off, name="audit_review_sign_off"),
    path("audit/views/", audit.keep, name="audit_keep"),
    path("audit/views/<int:pk>/remove/", audit.unkeep, name="audit_unkeep"),
    # Before allauth's page of that address: who could change their own e-mail could sign events as somebody else.
    path("accounts/email/", RedirectView.as_view(pattern_name="account_change_password")),
    # Before allauth's page of that address: accounts are tied to the provider by a verified e-mail address alone.
    path("accounts/3rdparty/", RedirectView.as_view(pattern_name="mfa_index")),
    path("proof/", proof.resume, name="proof"),
    path("proof/sso/", proof.single_sign_on, name="proof_sso"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
]

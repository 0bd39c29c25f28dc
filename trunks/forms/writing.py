"""The form of the kill switch."""

from django import forms

from trunks.workflow.stopping import REASON_MAX_LENGTH


class ReasonForm(forms.Form):
    """Why writing to Zoom is stopped, or stays stopped."""

    reason = forms.CharField(
        label="Reason",
        max_length=REASON_MAX_LENGTH,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Everybody reads it on every page, and the audit trail keeps it.",
        error_messages={"required": "Say why: everybody reads it, and the audit trail keeps it."},
    )

    use_required_attribute = False

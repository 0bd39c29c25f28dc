"""What is posted to decide on a request: the version that was shown, and a comment."""

from __future__ import annotations

from django import forms


class VersionField(forms.IntegerField):
    """The version of a request that a page showed, so that nobody decides on what they have not seen."""

    UNREADABLE = "The page did not say which version of the request it showed. Load it again."

    def __init__(self) -> None:
        messages = dict.fromkeys(("required", "invalid", "min_value", "max_value"), self.UNREADABLE)
        super().__init__(min_value=0, max_value=2**31 - 1, widget=forms.HiddenInput, error_messages=messages)


class DecisionForm(forms.Form):
    """A verdict or another action on a request: which version the page showed, and a comment."""

    version = VersionField()
    comment = forms.CharField(
        label="Comment", max_length=2000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

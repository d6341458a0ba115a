"""What does a page send back about a call, as clean values?"""

from __future__ import annotations

from django import forms


class DecisionForm(forms.Form):
    """The digest of the call that was shown."""

    seen = forms.CharField(max_length=64)

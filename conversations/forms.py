"""What do people write in a conversation, as clean values?"""

from __future__ import annotations

from django import forms

from accounts.submissions import SubmissionField
from agents.access import get_agent_or_refuse
from agents.models import Agent
from conversations.models import LONGEST_QUESTION


class QuestionForm(forms.Form):
    """A question. `submission` is the page's own mark for one submit, so that a double click asks once.

    `parent` is the last message that the page showed: whoever asks means what they read, whatever another window has chosen since.
    """

    text = forms.CharField(
        max_length=LONGEST_QUESTION,
        label="Your question",
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write a question first."},
    )
    submission = SubmissionField()
    parent = forms.UUIDField(required=False, widget=forms.HiddenInput)


class VisibleAgent(forms.CharField):
    """An agent, by its id or slug."""

    def clean(self, value: str) -> Agent:
        """Return the agent; raise Http404 when this reader cannot see one of that name (L2)."""
        return get_agent_or_refuse(super().clean(value))


class StartForm(forms.Form):
    """The agent to ask and, if the page had a box for it, the first question."""

    agent = VisibleAgent(max_length=80)
    text = forms.CharField(max_length=LONGEST_QUESTION, required=False)
    temporary = forms.BooleanField(required=False)
    submission = SubmissionField()


class TitleForm(forms.Form):
    """A conversation's title."""

    title = forms.CharField(max_length=200, error_messages={"required": "Give the conversation a title."})


class PlaceForm(forms.Form):
    """Which part of a conversation is shown: before or after a position, around a message, or around a question that is being
    edited.
    """

    before = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    after = forms.IntegerField(min_value=0, max_value=2**31 - 1, required=False)
    at = forms.UUIDField(required=False)
    edit = forms.UUIDField(required=False)

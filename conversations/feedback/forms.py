"""What does somebody say about an answer, as clean values?"""

from __future__ import annotations

from django import forms

from conversations.feedback.models import LONGEST_COMMENT, Feedback


class FeedbackForm(forms.Form):
    """Whether it helped, and why. A button beside the answer sends the first field alone."""

    helpful = forms.ChoiceField(
        label="Did this answer help?",
        choices=[("yes", "It helped"), ("no", "It did not help")],
        widget=forms.RadioSelect,
        error_messages={"required": "Say whether it helped."},
    )
    comment = forms.CharField(
        label="Comment",
        required=False,
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What was right, wrong or missing. For yourself, unless you pass it on.",
    )
    pass_on = forms.BooleanField(label="Let whoever made the agent read this comment", required=False)

    @classmethod
    def of(cls, rating: Feedback | None) -> FeedbackForm:
        """Return the form filled with what was said."""
        if rating is None:
            return cls()
        helpful = "yes" if rating.is_helpful else "no"
        return cls(initial={"helpful": helpful, "comment": rating.comment, "pass_on": rating.is_passed_on})

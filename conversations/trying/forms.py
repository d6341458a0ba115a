"""What does somebody ask of an agent as its form stands?"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms

from agents.forms import AnsweringForm
from conversations.models import LONGEST_QUESTION


class TrialForm(AnsweringForm):
    """A question, and of the agent's form what decides an answer: whatever else stands there, or is missing, does not matter."""

    question = forms.CharField(
        max_length=LONGEST_QUESTION,
        error_messages={
            "required": "Write a question to try it with.",
            "max_length": "A question has up to 8,000 characters.",
        },
    )

    def settings(self) -> dict[str, Any]:
        """Return fields of an agent, by name."""
        values = {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ("question", "attached", "tools", "writer")
        }
        provider, model = self.cleaned_data["writer"]
        return {**values, "model_provider_id": provider, "model": model}

    def file_ids(self) -> list[UUID]:
        """Return which files were chosen."""
        return [file.pk for file in self.cleaned_data["attached"]]

"""Is a try that nobody ended deleted by itself, and nothing else with it?"""

from __future__ import annotations

from django.db import connections
from django.utils import timezone

from conversations import recurring
from conversations.models import Conversation, Trial
from conversations.trying import services
from conversations.trying.models import LEFT_AFTER
from tests.cast import ALICE, acting
from tests.conversations.stage import QUESTION, asked, desk

SETTINGS = {"refusal_text": "No.", "retrieval_depth": 5, "retrieval_threshold": 0.2, "model_provider_id": None}


def test_what_nobody_ended_goes_in_an_hour_and_what_is_kept_stays(committed: None) -> None:
    kept, _ = asked(ALICE, desk(ALICE))
    with acting(ALICE) as actor:
        old, young = (
            services.begin(QUESTION, actor=actor, settings=SETTINGS, file_ids=[], agent=None) for _ in range(2)
        )
    with connections["owner"].cursor() as cursor:
        then = timezone.now() - LEFT_AFTER * 2
        cursor.execute("UPDATE conversations_trial SET created_at = %s WHERE id = %s", [then, old.pk])
    recurring.sweep_trials()
    with acting(ALICE):
        assert set(Conversation.objects.values_list("pk", flat=True)) == {kept.pk, young.conversation_id}
        assert [trial.pk for trial in Trial.objects.all()] == [young.pk]

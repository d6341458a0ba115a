"""Which operations rate an answer, and tell an agent's owner how it was rated?"""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from django.http import HttpResponse
from ninja import Router, Schema
from pydantic import Field

from accounts.access import scope_required
from accounts.http import TenantRequest
from accounts.schemas import Body, Flag, Refused, Trimmed
from agents import access as agent_access
from conversations import access
from conversations.feedback import queries, services
from conversations.feedback.models import LONGEST_COMMENT, Feedback

router = Router(tags=["conversations"])


class FeedbackIn(Body):
    """What is said about an answer. With `pass_on` the agent's owner reads the comment, without learning whose it is."""

    helpful: Flag
    comment: Annotated[str, Trimmed(0, LONGEST_COMMENT)] = ""
    pass_on: Annotated[Flag, Field(description="Without a comment there is nothing to pass on.")] = False


class FeedbackOut(Schema):
    """What was said about an answer."""

    helpful: bool
    comment: str
    passed_on: bool

    @classmethod
    def of(cls, rating: Feedback) -> "FeedbackOut":
        """What the API says about this rating."""
        return cls(helpful=rating.is_helpful, comment=rating.comment, passed_on=rating.is_passed_on)


class CommentOut(Schema):
    """A comment that its author passed on."""

    helpful: bool
    text: str
    day: date


class VerdictOut(Schema):
    """How an agent's answers were rated, with the newest hundred comments that were passed on."""

    helpful: int
    unhelpful: int
    comments: list[CommentOut]


@router.get(
    "/conversations/{uuid:conversation_id}/messages/{uuid:message_id}/feedback",
    response=FeedbackOut | None,
    summary="Get the rating of an answer",
)
@scope_required("conversations:read")
def get_feedback(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> FeedbackOut | None:
    """What the key's member said about an answer; null where nothing was said."""
    message = access.get_message_or_refuse(access.get_own_conversation_or_refuse(conversation_id), message_id)
    rating = Feedback.objects.filter(message=message).first()
    return FeedbackOut.of(rating) if rating else None


@router.put(
    "/conversations/{uuid:conversation_id}/messages/{uuid:message_id}/feedback",
    response=FeedbackOut,
    summary="Rate an answer",
)
@scope_required("conversations:write")
def rate(request: TenantRequest, conversation_id: UUID, message_id: UUID, body: FeedbackIn) -> FeedbackOut:
    """Say whether an answer helped; sent again, it takes the place of what was said before."""
    conversation = access.get_own_conversation_or_refuse(conversation_id)
    message = access.get_message_or_refuse(conversation, message_id)
    try:
        rating = services.rate(
            conversation,
            message,
            actor=request.tenant,
            is_helpful=body.helpful,
            comment=body.comment,
            is_passed_on=body.pass_on,
        )
    except services.NotRateable as refusal:
        raise Refused(409, str(refusal)) from refusal
    return FeedbackOut.of(rating)


@router.delete(
    "/conversations/{uuid:conversation_id}/messages/{uuid:message_id}/feedback",
    response={204: None},
    summary="Take a rating back",
)
@scope_required("conversations:write")
def withdraw_feedback(request: TenantRequest, conversation_id: UUID, message_id: UUID) -> HttpResponse:
    """Take the rating of an answer back, with its comment."""
    message = access.get_message_or_refuse(access.get_own_conversation_or_refuse(conversation_id), message_id)
    services.withdraw(message, actor=request.tenant)
    return HttpResponse(status=204)


@router.get("/agents/{key}/feedback", response=VerdictOut, summary="How an agent was rated")
@scope_required("agents:read")
def agent_feedback(request: TenantRequest, key: str) -> Any:
    """For the agent's owner: how many answers helped, how many did not, and the comments that were passed on."""
    agent = agent_access.get_own_agent_or_refuse(request.tenant, key)
    verdict = queries.verdict_on(agent.pk)
    comments = [{"helpful": one.is_helpful, "text": one.text, "day": one.day} for one in verdict.comments]
    return {"helpful": verdict.helpful, "unhelpful": verdict.unhelpful, "comments": comments}

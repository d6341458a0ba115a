"""What can be done to an agent? Each verb writes in one transaction and tells it with a signal in the same."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.http import Http404
from django.utils import timezone
from django.utils.text import slugify

from accounts.http import Tenant
from accounts.sharing import share_with
from accounts.submissions import insert_once, submission_name
from accounts.tenancy.context import current_workspace_id
from agents import access, signals
from agents.models import MOST_FILES, Agent, AgentFile, AgentShare, AgentVersion, Visibility
from agents.tools import choosing
from agents.versions import content
from agents.versions.services import keep

# Without vowels and look-alikes, so that no suffix spells a word or is misread aloud.
SUFFIX_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
SUFFIX_LENGTH: Final = 6
# The part of a slug that comes from the name; with the suffix it stays within the column.
LONGEST_STEM: Final = 60

CHANGEABLE: Final = frozenset(
    {
        "name",
        "description",
        "instructions",
        "refusal_text",
        "starter_prompts",
        "retrieval_depth",
        "retrieval_threshold",
        "model_provider_id",
        "model",
        "temperature",
        "max_tokens",
    }
)


class TooManyFiles(Exception):
    """An agent was given more files than it can hold. The message is a sentence for people."""


def create(
    *,
    actor: Tenant,
    file_ids: Collection[UUID] = (),
    visibility: str = Visibility.PRIVATE,
    people: Collection[UUID] = (),
    tool_ids: Collection[UUID] = (),
    submission: str | None = None,
    **values: Any,
) -> Agent:
    """Make an agent of the actor's. `values` are fields of `CHANGEABLE`; `name` is needed.

    `people` are the memberships that may ask it where `visibility` is "named". The same again under the same `submission` returns the agent of the first time. Raises `Http404` for a file that the actor
    may not see, and `TooManyFiles`; then nothing was made.
    """
    with transaction.atomic():
        files = access.get_files_or_refuse(_within_limit(file_ids))
        agent = Agent(
            owner_id=actor.membership_id, slug=_slug(values["name"]), visibility=visibility, **_changeable(values)
        )
        agent.submission = submission_name(
            actor,
            submission,
            visibility,
            sorted(map(str, people)),
            sorted(map(str, file_ids)),
            sorted(map(str, tool_ids)),
            values,
        )
        earlier = insert_once(agent)
        if earlier is not None:
            return earlier
        signals.agent_created.send(Agent, actor=actor, target=agent, visibility=agent.visibility, files=len(files))
        _move_files(agent, actor=actor, attached={file.pk for file in files}, detached=set())
        _share(agent, people, actor=actor)
        choosing.choose(agent, tool_ids, actor=actor)
        keep(agent, actor=actor)
    return agent


def _change(agent: Agent, *, actor: Tenant, **values: Any) -> Agent:
    """Change fields of `CHANGEABLE`. The slug stays, so that no link and no program breaks."""
    wanted = _changeable(values)
    changed = sorted(field for field, value in wanted.items() if getattr(agent, field) != value)
    if not changed:
        return agent
    with transaction.atomic():
        for field in changed:
            setattr(agent, field, wanted[field])
        agent.save(update_fields=[*changed, "updated_at"])
        signals.agent_changed.send(Agent, actor=actor, target=agent, fields=changed)
    return agent


def edit(
    agent: Agent,
    *,
    actor: Tenant,
    file_ids: Collection[UUID] | None = None,
    visibility: str | None = None,
    people: Collection[UUID] | None = None,
    tool_ids: Collection[UUID] | None = None,
    archived: bool | None = None,
    **values: Any,
) -> None:
    """Change everything that is given or, where one part is refused, nothing. What is None stays. Raises as the parts do.

    What the agent is then is its next version.
    """
    with transaction.atomic():
        _change(agent, actor=actor, **values)
        if file_ids is not None:
            _set_files(agent, actor=actor, file_ids=file_ids)
        if visibility is not None or people is not None:
            share(agent, actor=actor, visibility=visibility or agent.visibility, people=people)
        if tool_ids is not None:
            choosing.choose(agent, tool_ids, actor=actor)
        if archived is not None:
            _set_archived(agent, actor=actor, archived=archived)
        keep(agent, actor=actor)


def return_to(agent: Agent, version: AgentVersion, *, actor: Tenant) -> content.Recovered:
    """Make the agent what it was in this version, as a new version. Returns what was there to be had again, and what was not."""
    found = content.recovered(version)
    with transaction.atomic():
        _change(agent, actor=actor, **found.values)
        _set_files(agent, actor=actor, file_ids=found.file_ids)
        choosing.choose(agent, found.tool_ids, actor=actor)
        if keep(agent, actor=actor, restored_from=version.number) is not None:
            signals.agent_returned.send(Agent, actor=actor, target=agent, version=version.number, lost=found.lost_files)
    return found


def _set_files(agent: Agent, *, actor: Tenant, file_ids: Collection[UUID]) -> None:
    """Make these the agent's files. Raises `Http404` for one that the actor may not see, and `TooManyFiles`.

    Files that the actor himself can no longer see (their owner made them private again) count as detached.
    """
    with transaction.atomic():
        wanted = {file.pk for file in access.get_files_or_refuse(_within_limit(file_ids))}
        present = set(AgentFile.objects.filter(agent=agent).values_list("file_id", flat=True))
        _move_files(agent, actor=actor, attached=wanted - present, detached=present - wanted)


def _move_files(agent: Agent, *, actor: Tenant, attached: set[UUID], detached: set[UUID]) -> None:
    """Give the agent files and take others from it, and say which: of a new agent too, or nobody could say what it began with."""
    if not attached and not detached:
        return
    AgentFile.objects.filter(agent=agent, file_id__in=detached).delete()
    _attach(agent, attached)
    signals.agent_files_changed.send(
        Agent,
        actor=actor,
        target=agent,
        attached=sorted(map(str, attached)),
        detached=sorted(map(str, detached)),
    )


def share(agent: Agent, *, actor: Tenant, visibility: str, people: Collection[UUID] | None = None) -> None:
    """Open the agent to the workspace or to these members, or close it again. Its files keep their own visibility.

    `people` counts where the visibility is "named"; None leaves them as they are. Nobody stays chosen under another visibility.
    """
    with transaction.atomic():
        if agent.visibility != visibility:
            agent.visibility = visibility
            agent.save(update_fields=["visibility", "updated_at"])
            signals.agent_visibility_changed.send(Agent, actor=actor, target=agent, visibility=visibility)
        if people is not None or visibility != Visibility.NAMED:
            _share(agent, people or (), actor=actor)


def archive(agent: Agent, *, actor: Tenant) -> None:
    """Put the agent away: nobody can ask it, and its conversations stay readable."""
    _set_archived(agent, actor=actor, archived=True)


def restore(agent: Agent, *, actor: Tenant) -> None:
    """Take the agent out of the archive."""
    _set_archived(agent, actor=actor, archived=False)


def duplicate(agent: Agent, *, actor: Tenant, submission: str | None = None) -> Agent:
    """Make the actor a private copy of an agent that he may see, with those of its files that he may see."""
    readable = agent.agent_files.filter(file__name__isnull=False).values_list("file_id", flat=True)
    values = {field: getattr(agent, field) for field in CHANGEABLE}
    longest = Agent._meta.get_field("name").max_length or 0
    name = f"Copy of {agent.name}"[:longest]
    tool_ids = list(agent.agent_tools.values_list("tool_id", flat=True))
    return create(
        actor=actor, file_ids=list(readable), tool_ids=tool_ids, submission=submission, **{**values, "name": name}
    )


def delete(agent: Agent, *, actor: Tenant) -> None:
    """Delete the agent. Its conversations stay with the people who had them, without an agent to ask.

    Raises `Http404` when somebody was faster: what did not happen leaves no fact behind.
    """
    with transaction.atomic():
        key = agent.pk
        if not Agent.objects.select_for_update().filter(pk=key).exists():
            raise Http404
        agent.delete()
        # Django takes the key from a deleted object; the record needs it.
        agent.pk = key
        signals.agent_deleted.send(Agent, actor=actor, target=agent)


def hand_over(*, actor: Tenant | None, leaver_id: UUID) -> None:
    """Give the shared agents of somebody who is no longer a member to an owner or admin, in the caller's transaction, and end
    what was shared with the leaver by name.

    A function of the fence does it, and decides who: the policies let nobody write a colleague's agent. ``actor`` is None where
    nobody of the workspace did it, but their company's directory.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT agent, heir FROM fence.hand_over_agents(%s)", [leaver_id])
            heirs = dict(cursor.fetchall())
        place = current_workspace_id()
        for key, heir in sorted(heirs.items()):
            # Not looked up: whoever leaves sees none of what was shared with a few, and it is told all the same.
            agent = Agent(pk=key, workspace_id=place, owner_id=heir)
            signals.agent_handed_over.send(Agent, actor=actor, target=agent, heir=heir)


def _share(agent: Agent, people: Collection[UUID], *, actor: Tenant) -> None:
    """Let exactly these members ask the agent where it is for chosen people, and nobody by name where it is not."""
    chosen = people if agent.visibility == Visibility.NAMED else ()
    added, removed = share_with(AgentShare, chosen, owner_id=agent.owner_id, agent=agent)
    if added or removed:
        signals.agent_people_changed.send(Agent, actor=actor, target=agent, added=added, removed=removed)


def _attach(agent: Agent, file_ids: Collection[UUID]) -> None:
    try:
        with transaction.atomic():
            # Two forms saved at the same moment may both attach a file; once is what both meant.
            AgentFile.objects.bulk_create(
                [AgentFile(agent=agent, file_id=file_id) for file_id in file_ids], ignore_conflicts=True
            )
    except (IntegrityError, ProgrammingError):
        # A file that was deleted or hidden since it was looked up breaks the foreign key or the policy; it cannot be locked
        # before, since a colleague's shared file is not the actor's to lock. It is the 404 that it would be a moment later.
        access.get_files_or_refuse(file_ids)
        raise


def _set_archived(agent: Agent, *, actor: Tenant, archived: bool) -> None:
    if (agent.archived_at is not None) == archived:
        return
    with transaction.atomic():
        agent.archived_at = timezone.now() if archived else None
        agent.save(update_fields=["archived_at", "updated_at"])
        signals.agent_archived.send(Agent, actor=actor, target=agent, archived=archived)


def _changeable(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = values.keys() - CHANGEABLE
    if unknown:
        raise TypeError(f"agents.services does not write {', '.join(sorted(unknown))}")
    found = dict(values)
    if "model_provider_id" in found:
        # Who writes follows from whether a provider is named; a provider of elsewhere is one that does not exist (L1).
        if found["model_provider_id"] is not None:
            access.get_provider_or_refuse(found["model_provider_id"])
        is_model = found["model_provider_id"] is not None
        found |= {"provider": Agent.Provider.MODEL if is_model else Agent.Provider.BUILTIN}
        found |= {} if is_model else {"model": ""}
    return found


def _slug(name: str) -> str:
    # The suffix is random, so that a slug that is taken says nothing about a colleague's private agent.
    stem = slugify(name)[:LONGEST_STEM].strip("-") or "agent"
    return f"{stem}-{''.join(secrets.choice(SUFFIX_LETTERS) for _ in range(SUFFIX_LENGTH))}"


def _within_limit(file_ids: Collection[UUID]) -> Collection[UUID]:
    if len(file_ids) > MOST_FILES:
        raise TooManyFiles(f"An agent can have up to {MOST_FILES} files. Choose fewer, or make a second agent.")
    return file_ids

"""Which servers of tools does a workspace allow, what do they offer, and what of that has an administrator looked at?

Everybody of the workspace sees what may be chosen for an agent. None of it is written but by functions of the fence that ask who it
is: a server slipped in here would be sent words of conversations (L7), and a tool passed off as looked at could do anything.
"""

from __future__ import annotations

from django.db import models

from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel

LONGEST_TOOL = 128
LONGEST_DESCRIPTION = 4000


class ToolServer(WorkspaceModel):
    """A server that speaks the Model Context Protocol over HTTP, and the key that it wants."""

    name = models.CharField(max_length=80)
    url = models.CharField(max_length=300)
    # The key, encrypted and bound to the address (agents/vendors/vault.py), and how it ends; "" where there is none.
    sealed = models.TextField()
    hint = models.CharField(max_length=4, blank=True)
    is_on = models.BooleanField(default=True)
    listed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="agents_toolserver_name")]

    def __str__(self) -> str:
        return self.name


class Rule(models.TextChoices):
    """How agents may call a tool."""

    OFF = "off", "Not at all"
    ASK = "ask", "After the person confirms each call"
    FREE = "free", "Without asking: it only reads"


class Tool(WorkspaceModel):
    """What a server says that it can do. All of it but the rule is the server's word, and is treated as hostile.

    Agents may call it while `approved`, the digest of what an administrator looked at, is that of what the server says now.
    """

    server = WorkspaceForeignKey(ToolServer, models.CASCADE, related_name="tools")
    name = models.CharField(max_length=LONGEST_TOOL)
    description = models.TextField(blank=True)
    schema = models.JSONField()
    says_it_reads = models.BooleanField(default=False)
    digest = models.CharField(max_length=64)
    approved = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=4, choices=Rule.choices, default=Rule.OFF)
    is_there = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "server", "name"], name="agents_tool_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def is_allowed(self) -> bool:
        """May agents call it, as far as the tool goes? Its server may still be switched off."""
        return self.is_there and self.rule != Rule.OFF and self.approved == self.digest

    @property
    def has_changed(self) -> bool:
        """Does the server say something else about it than when somebody allowed it?"""
        return self.is_there and self.rule != Rule.OFF and self.approved != self.digest

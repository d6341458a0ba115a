"""Which facts about agents may others hear?

Each is sent with `send`, inside the transaction of the service that made it true, as
`send(sender=…, actor=Tenant, target=instance, **facts)`. Facts carry ids and counts, never a name or a text.
"""

from django.dispatch import Signal

# An agent was made. Arguments: actor, target (Agent), visibility (str), files (int, how many are attached).
agent_created = Signal()

# An agent was changed. Arguments: actor, target (Agent), fields (list[str], the names of what changed).
agent_changed = Signal()

# An agent was opened to the workspace or closed again. Arguments: actor, target (Agent), visibility (str).
agent_visibility_changed = Signal()

# An agent was shared with members by name, or no longer is. Arguments: actor, target (Agent), added and removed (list[str] of
# membership ids).
agent_people_changed = Signal()

# Files were attached to an agent or detached from it. Arguments: actor, target (Agent), attached and detached (list[str]
# of file ids).
agent_files_changed = Signal()

# An agent became again what it was in an earlier version. Arguments: actor, target (Agent), version (int, its number), lost (int, how
# many of its files are gone).
agent_returned = Signal()

# An agent was archived or taken out of the archive. Arguments: actor, target (Agent), archived (bool).
agent_archived = Signal()

# A shared agent of somebody who is no longer a member got another owner. Arguments: actor (None where a directory caused it), target
# (Agent), heir (UUID, of a membership).
agent_handed_over = Signal()

# An agent was deleted. Arguments: actor, target (Agent, already gone from the database; its id still stands).
agent_deleted = Signal()

# Passages of a file were read by an agent for a member. Sent by the retrieval code before anything is generated, whatever the
# answer will say (L36). Arguments: actor (for whom), target (files.models.File), agent_id (UUID; None: one that is not made yet is
# tried), passages (int, how many).
file_read = Signal()

# A model was asked for a member: words of the workspace went to its provider. Arguments: actor (for whom), target (Agent, or None
# as above),
# provider_id (UUID), model (str), passages (int, how many went along).
model_asked = Signal()

# The workspace's agents may ask another vendor. Arguments: actor, target (ModelProvider), kind (str), place (str, host and port).
provider_added = Signal()

# A model provider was changed. Arguments: actor, target (ModelProvider), fields (list[str]), place (str, host and port).
provider_changed = Signal()

# A model provider was taken away with its key. Arguments: actor, target (ModelProvider).
provider_removed = Signal()

# A model provider was asked for its models. Arguments: actor, target (ModelProvider), works (bool).
provider_tested = Signal()

# What models may be used in a month was changed. Arguments: actor, target (None), requests, tokens, money (int or None; money in
# millionths).
budget_changed = Signal()

# Four fifths of a limit were passed for the first time this month. Arguments: actor (whose question did it), target (None), what
# ("requests", "tokens" or "money").
budget_neared = Signal()

# A request was turned away, for the first time this month. Arguments: actor (whose it was), target (None), what (as above).
budget_reached = Signal()

# The workspace's agents may be given tools of another server. Arguments: actor, target (ToolServer), place (str, host and port), tools
# (int, how many it offers).
tool_server_added = Signal()

# A server of tools was changed. Arguments: actor, target (ToolServer), fields (list[str]), place (str, host and port).
tool_server_changed = Signal()

# A server of tools may be called again, or not for now. Arguments: actor, target (ToolServer), on (bool).
tool_server_switched = Signal()

# A server of tools was taken away with its key. Arguments: actor, target (ToolServer).
tool_server_removed = Signal()

# A server of tools was asked what it offers. Arguments: actor, target (ToolServer), works (bool), changed (int: allowed tools that are
# not what they were).
tool_server_asked = Signal()

# An administrator said how agents may call a tool. Arguments: actor, target (Tool), rule ("off", "ask" or "free"), server_id (UUID).
tool_decided = Signal()

# A tool was found to be another than the one that was allowed, and is off. Arguments: actor (whose question found it), target (Tool),
# server_id (UUID).
tool_changed = Signal()

# An agent got tools to call, or lost some. Arguments: actor, target (Agent), added and removed (lists of ids of tools).
agent_tools_changed = Signal()

# The key that is kept for a provider or a server of tools does not open: the one under which it lies is not configured, or somebody
# wrote past us. Sent with `send_robust` by whoever needed it. sender=the model; arguments: target (ModelProvider | ToolServer), why (str).
key_unopened = Signal()

"""Which facts about conversations may others hear?

Each is sent with `send`, inside the transaction of the service that made it true, as
`send(sender=…, actor=Tenant, target=instance, **facts)`. Facts carry ids and counts, never a word that was said.
"""

from django.dispatch import Signal

# A conversation was begun. Arguments: actor, target (Conversation), agent_id (UUID).
conversation_started = Signal()

# A question was asked, or an answer asked for once more; the answer waits to be written. Arguments: actor, target (Message, the
# answer), conversation_id (UUID), agent_id (UUID; None: one is tried that is not made yet), again (bool), kept (bool; left out: True. A
# program that is answered keeps it itself, and what tries an agent nobody does).
question_asked = Signal()

# An answer came to its end. Arguments: actor (for whom it was written), target (Message), status (str), refused (bool: the files held
# no answer), citations (int).
answer_finished = Signal()

# A tool is about to be called, as a model asked for. Arguments: actor (for whom), target (ToolCall), agent_id, server_id and tool_id
# (UUID), arguments (str, their digest), confirmed (bool: by the actor's own word).
tool_called = Signal()

# A tool answered, or failed to. Arguments: actor (for whom), target (ToolCall), tool_id (UUID), works (bool), size (int, characters).
tool_returned = Signal()

# A call was not made, since it may not be made any more. Arguments: actor (for whom), target (ToolCall), tool_id (UUID; None: the tool
# is gone), arguments (str, their digest), why (str: a word).
tool_refused = Signal()

# Whoever asked said whether a call may be made. Arguments: actor, target (ToolCall), confirmed (bool), arguments (str, their digest).
call_decided = Signal()

# Nothing waits for a word any more, so the answer goes on. Arguments: actor, target (Message, the answer).
answer_resumed = Signal()

# Somebody asked to stop an answer. Arguments: actor, target (Message).
answer_stop_requested = Signal()

# A conversation got another title. Arguments: actor, target (Conversation).
conversation_renamed = Signal()

# What was used was taken away as a file. Arguments: actor, days (int).
usage_exported = Signal()

# An owner chose how long unused things are kept. Arguments: actor, target (KeepingChoice), conversations and files (each a pair of
# days before and after; None for ever).
keeping_chosen = Signal()

# What nobody used for as long as the workspace chose was deleted. Arguments: target (KeepingChoice), conversations (int), files
# (int), size (int: bytes of the files).
unused_let_go = Signal()
# An answer was rated, or rated differently. Arguments: actor, target (Message), helpful (bool), passed_on (bool: the agent's owner may
# read the comment).
answer_rated = Signal()

# A rating was taken back. Arguments: actor, target (Message).
answer_rating_withdrawn = Signal()

# Files were attached to a conversation, or removed from it. Arguments: actor, target (Conversation), attached and detached (lists of ids).
conversation_files_changed = Signal()

# A conversation was put into the archive, or taken out. Arguments: actor, target (Conversation), archived (bool).
conversation_archived = Signal()

# A conversation was opened to the workspace or to chosen members, or closed again. Arguments: actor (None where it ended because its owner
# is no longer a member by their company's directory), target (Conversation), visibility (str).
conversation_visibility_changed = Signal()

# A conversation was shared with members by name, or no longer is. Arguments: actor, target (Conversation), added and removed (list[str]
# of membership ids).
conversation_people_changed = Signal()

# A temporary conversation was erased because its time was over. Arguments: target (Conversation, already gone from the database).
conversation_erased = Signal()

# Somebody read a conversation that another member shares. Arguments: actor (the reader), target (Conversation).
conversation_shown = Signal()

# A conversation was given out as a file. Arguments: actor, target (Conversation), form (str: "markdown" or "json"), messages (int).
conversation_exported = Signal()

# A conversation was deleted with all that it held. Arguments: actor, target (Conversation, already gone from the database; its id
# still stands), messages (int).
conversation_deleted = Signal()

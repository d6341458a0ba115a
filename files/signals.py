"""Which facts of files may others hear? Each is sent inside the service's transaction: no change without its record.

Every one carries actor (accounts.http.Tenant: who) and target (files.models.File: which), or says otherwise.
"""

from django.dispatch import Signal

# A file was taken in, and waits to be read. Arguments: actor, target.
file_uploaded = Signal()

# Its owner asked to have a file read anew. Arguments: actor, target.
file_requeued = Signal()

# A file was read and indexed. Arguments: actor (its owner, by job), target, pages (int), passages (int).
file_ready = Signal()

# A file could not be taken. Arguments: actor (its owner, by job), target, reason (str, a files.refusals.Reason).
file_refused = Signal()

# A file's visibility was changed. Arguments: actor, target, before (str), after (str).
file_shared = Signal()

# A shared file of somebody who is no longer a member got another owner. Arguments: actor (None where a directory caused it), target, heir
# (UUID, of a membership).
file_handed_over = Signal()

# A file was given tags, or lost some. Arguments: actor, target, added (int), removed (int): how many, never which words.
file_tagged = Signal()

# A file was deleted, with its bytes, passages and vectors. Arguments: actor, target (no longer stored).
file_deleted = Signal()

# Bytes that no row names could not be removed, since their place is out of reach. Arguments: key (str), and neither actor nor target.
bytes_left = Signal()

# A file's bytes were given out. Arguments: actor, target, partial (bool: a range of them).
file_downloaded = Signal()

# Text of a file was shown to a person. Arguments: actor, target, purpose (str: "passage" or "preview"), passages (int).
passages_read = Signal()

# A person searched, and excerpts were shown. Arguments: actor, target (None), found (list of a File and how many excerpts of it).
passages_searched = Signal()

"""What does the audit itself have to tell, that others of its rooms act on?"""

from django.dispatch import Signal

# A member ordered a copy of their workspace's trail. Sent in the transaction that ordered it. sender=Export; argument: target (Export).
export_ordered = Signal()

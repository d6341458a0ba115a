"""Which tags are there to choose from?

Those of the files that the bound member may see, as the fence lets them through: of a colleague's private file not even a word.
"""

from __future__ import annotations

from typing import Final

from django.db.models import Count, Min

from files.models import FileTag

# As many as a field offers; whoever knows another one types it.
OFFERED: Final = 100


def offered() -> list[str]:
    """Tags in use, those of most files first; of several spellings, one."""
    used = FileTag.objects.values("key").annotate(files=Count("pk"), spelled=Min("name"))
    return list(used.order_by("-files", "key").values_list("spelled", flat=True)[:OFFERED])

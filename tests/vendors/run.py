"""`make run-model`: the whole product with a model vendor of our own beside it, so that the model path can be tried offline.

It admits this machine's own address to outgoing calls, which a production installation would not; so it has a home of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from tests.vendors.__main__ import told
from tests.vendors.server import Double

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Serve until interrupted; returns what the product's own command returned."""
    double = Double(port=int(os.environ.get("MODEL_PORT", "8500")))
    double.pause = 0.05  # so that the stream can be watched
    threading.Thread(target=double.serve, name="double", daemon=True).start()
    environment = {
        **os.environ,
        "AIAXIS_HOME": os.environ.get("AIAXIS_HOME", str(ROOT / ".aiaxis" / "models")),
        "OUTBOUND_ALLOWED_NETWORKS": "127.0.0.1/32",
    }
    sys.stdout.write(told(double))
    sys.stdout.flush()
    product = subprocess.Popen([sys.executable, "manage.py", "serve", "--demo"], cwd=ROOT, env=environment)

    def stop(number: int, frame: FrameType | None) -> None:
        product.send_signal(signal.SIGTERM)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return product.wait()


if __name__ == "__main__":
    sys.exit(main())

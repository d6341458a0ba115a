"""`python -m tests.vendors --port 8500`: a model vendor on this machine, offline, in both dialects. It prints what to enter."""

from __future__ import annotations

import argparse
import sys

from tests.vendors.server import KEY, Double

TOLD = """A model vendor of our own answers, for trying things out. Enter under Settings, Models:
  as OpenAI speaks     address {openai}   key {key}
  as Anthropic speaks  address {anthropic}      key {key}
"""


def told(double: Double) -> str:
    """What a person has to enter to use it."""
    return TOLD.format(openai=double.url, anthropic=double.origin, key=KEY)


def main() -> int:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.vendors")
    parser.add_argument("--port", type=int, default=8500)
    double = Double(port=parser.parse_args().port)
    double.pause = 0.05
    sys.stdout.write(told(double))
    sys.stdout.flush()
    try:
        double.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

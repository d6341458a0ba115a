"""Does the virtual environment hold exactly what the requirements file pins?

``python3 .ci/environment.py .venv requirements.txt`` makes the environment where it is missing, installs the pinned
requirements where they changed, and does nothing, within milliseconds, where they did not. It runs before anything is
installed, so it uses the standard library alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path


class SetupError(Exception):
    """The environment could not be made; the text is the sentence for the person at the terminal."""


def main(arguments: list[str]) -> int:
    """Bring the environment named first to the state of the requirements file named second; return the exit code."""
    environment, requirements = (Path(argument) for argument in arguments)
    try:
        ensure(environment, requirements)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again; it goes on from here.", file=sys.stderr)
        return 130
    return 0


def ensure(environment: Path, requirements: Path) -> None:
    """Install `requirements` into `environment`, unless this very text was the last that was installed there.

    The whole file is kept as the mark, not a time stamp: a checkout changes times without changing a pin. The
    development requirements contain the others (`make lock` compiles them so), hence they satisfy both.
    """
    mark = environment / ".installed"
    installed = mark.read_text(encoding="utf-8") if mark.exists() else None
    pinned = requirements.read_text(encoding="utf-8")
    everything = requirements.with_name("requirements-dev.txt").read_text(encoding="utf-8")
    if installed in (pinned, everything):
        return
    python = environment / "bin" / "python"
    if not works(python):
        create(environment)
    install(python, requirements, total=len(re.findall(r"^[A-Za-z0-9]", pinned, re.MULTILINE)))
    mark.write_text(pinned, encoding="utf-8")


def works(python: Path) -> bool:
    """Say whether this interpreter exists, is new enough and has its pip, which an interrupted set-up may not have."""
    if not python.exists():
        return False
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return subprocess.run([python, "-c", question], capture_output=True, check=False).returncode == 0


def create(environment: Path) -> None:
    """Make a new virtual environment, in place of a broken one if there is one."""
    print(f"Making a virtual environment in {environment} …", flush=True)
    try:
        if environment.is_dir() and not environment.is_symlink():
            shutil.rmtree(environment)
        venv.create(environment, with_pip=True)
    except subprocess.CalledProcessError:
        # Debian keeps pip for virtual environments in a package of its own.
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"Python {version} has no venv module that works. On Debian and Ubuntu it comes with: "
            f"apt-get install python{version}-venv"
        ) from None
    except OSError as error:
        raise SetupError(
            f"The virtual environment could not be written to {environment}: {error.strerror}. "
            "Make room or write access there, then run make again."
        ) from None


def install(python: Path, requirements: Path, *, total: int) -> None:
    """Run pip with hash checking, show how far it is, and keep its words for the case that it fails.

    `--no-deps` because the file is complete: a package that it does not name must not come in by itself.
    """
    print(
        f"Installing {total} pinned packages from {requirements.name}; the first time takes a minute or two.",
        flush=True,
    )
    command = [str(python), "-m", "pip", "install", "--require-hashes", "--no-deps", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar", "off", "--requirement", str(requirements)]
    said: list[str] = []
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout or ():
            said.append(line)
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                seen += 1
                show(seen, total, line)
            elif line.startswith("Installing collected packages"):
                show(total, total, "unpacking: now")
    if process.returncode != 0:
        raise SetupError(
            "".join(said[-12:]) + f"\npip could not install {requirements.name}; its last words are above. Without a "
            "network, point PIP_FIND_LINKS or PIP_INDEX_URL at a copy of the packages and run make again."
        )
    if sys.stdout.isatty():
        print("\r\033[K", end="")
    print("Installed.", flush=True)


def show(seen: int, total: int, line: str) -> None:
    """Show one step: in place on a terminal, every tenth step as a line elsewhere, so that logs stay short."""
    name = re.split(r"[ =<>;(]", line.split(": ", 1)[-1].removeprefix("Collecting "))[0]
    if sys.stdout.isatty():
        print(f"\r\033[K  {seen} of {total}  {name.strip()}", end="", flush=True)
    elif seen % 10 == 0:
        print(f"  {seen} of {total}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

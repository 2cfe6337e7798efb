"""`manage.py prepare` as `make run` calls it: in a process of its own, because the caller is to be forked, which goes
wrong once it has threads. When nothing changed since it last went well, the site starts beside it, not after it."""

import hashlib
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from ragsite.neighbours import StartRefusedError

BASE_DIR = Path(__file__).resolve().parent.parent


class Preparation:
    """The running command; leaving the block ends it."""

    def __init__(self, data_dir: Path) -> None:
        self._stamp = data_dir / "prepared"  # what it was prepared for
        self._wanted = _fingerprint()
        self._facts: list[str] | None = None

    def __enter__(self) -> "Preparation":
        command = [sys.executable, str(BASE_DIR / "manage.py"), "prepare"]
        # Its own session: Ctrl-C reaches its caller alone, which then ends it.
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
        return self

    def wait_unless_done_before(self) -> None:
        """Wait for its end when this version of the code has not been prepared on this data yet."""
        if not (self._stamp.exists() and self._stamp.read_text() == self._wanted):
            self._stamp.unlink(missing_ok=True)
            self.facts()

    def facts(self) -> list[str]:
        """Wait for its end and return what there is to say, line by line; the second call returns the same."""
        if self._facts is None:
            output, _ = self._process.communicate()
            if self._process.returncode != 0:
                self._stamp.unlink(missing_ok=True)
                raise StartRefusedError("the database could not be prepared; the reason stands above.")
            self._facts = output.splitlines()
            self._stamp.write_text(self._wanted)
        return self._facts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()


def _fingerprint() -> str:
    """Return a hash of what decides how a database is prepared: versions of packages, and our migrations."""
    files = [BASE_DIR / "requirements" / "base.txt", *sorted(BASE_DIR.glob("*/migrations/*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

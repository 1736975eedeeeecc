"""Helper processes of a rehearsal: the emulator and the policy packs. None survives it."""

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

TETHER = Path(__file__).with_name("tether.py")
_STDERR_LINES = 400


class ProcessError(Exception):
    """A helper process did not start, or did not say what it should."""


class TetheredProcess:
    """A process that ends with this one, and that answers with one line when it is ready.

    Args:
        command: The program and its arguments.
        what: How messages call it.
        ready_timeout: Seconds until the first line must have come.
        env: The whole environment. Defaults to this process's.
        cwd: Working directory. Defaults to this process's.

    Raises:
        ProcessError: No line came in time; the message ends with what the process wrote to standard
        error.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        what: str,
        ready_timeout: float,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.what = what
        self._stderr: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        # -I -S: the tether needs the standard library only, and must not read the command's
        # PYTHONPATH.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own files
            [sys.executable, "-I", "-S", str(TETHER), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=None if env is None else dict(env),
            cwd=cwd,
            text=True,
            errors="replace",
            # Ctrl-C belongs to whoever reads the terminal: the starter ends its helpers in order.
            start_new_session=True,
        )
        threading.Thread(target=self._read_stdout, daemon=True).start()
        self._stderr_reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._stderr_reader.start()
        try:
            line = self._lines.get(timeout=ready_timeout)
        except queue.Empty:
            self.stop()
            raise ProcessError(
                f"{what} said nothing for {ready_timeout:g} s{self._said()}"
            ) from None
        except BaseException:
            self.stop()
            raise
        if line is None:
            self.stop()
            raise ProcessError(f"{what} did not start{self._said()}")
        self.first_line = line.strip()

    @property
    def pid(self) -> int:
        """Process id of the tether; the command is its only child."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    @property
    def stderr(self) -> str:
        """The last lines that it wrote to standard error."""
        return "\n".join(self._stderr)

    def stop(self, timeout: float = 10.0) -> None:
        """Ends it; may be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - PIPE was asked for
        for line in self._process.stderr:
            self._stderr.append(line.rstrip("\n"))
            del self._stderr[:-_STDERR_LINES]

    def _said(self) -> str:
        self._stderr_reader.join(1.0)
        return f":\n{self.stderr}" if self._stderr else ", and gave no reason."

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

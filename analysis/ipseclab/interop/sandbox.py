# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces and the processes in them; when a sandbox closes, nothing of it is left.

Every process runs in a process namespace of its own, below a parent that dies with this program:
whatever a daemon forks goes when the sandbox does, also when this program is killed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

_PREFIX = "ipseclab"
_POLL = 0.05  # seconds
_DEATH = 2.0  # seconds that a killed program may take to go
_numbers = itertools.count(1)


class CellFault(Exception):
    """Something in a cell did not do what it had to; the message is one line."""


class Cancelled(Exception):
    """The command was interrupted."""


class Process:
    """A program in a namespace, with all that it starts."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._popen = popen

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs, negative when a signal ended it."""
        return self._popen.poll()

    def write(self, line: str) -> None:
        """A line to its standard input."""
        assert self._popen.stdin is not None
        try:
            self._popen.stdin.write(line.encode() + b"\n")
            self._popen.stdin.flush()
        except OSError:
            raise CellFault(f"{self.name} has ended: {tail(self.log)}") from None

    def end_input(self) -> None:
        """Closes its standard input, by which a program may know that it is time to go."""
        if self._popen.stdin is not None:
            with contextlib.suppress(OSError):
                self._popen.stdin.close()

    def kill(self) -> None:
        """Ends it and everything below it; when this returns, all of it is gone."""
        limit = time.monotonic() + _DEATH
        while self._popen.poll() is None:
            # The child is the first of the process namespace: it ends after all others there.
            for child in _children(self._popen.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            if time.monotonic() > limit:
                self._popen.kill()  # which has no child, or one that cannot be seen
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(_POLL)
        self.end_input()


def _children(parent: int) -> list[int]:
    """The processes that a process has started and not outlived."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                # After the name in parentheses, which may hold anything: state, parent.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(fields[1]) == parent:
                    found.append(int(entry.name))
    return found


def tail(path: Path, lines: int = 1) -> str:
    """The last lines of a log that have something on them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(found[-lines:])


def ip(*words: str) -> None:
    """One command of iproute2; CellFault with its complaint."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CellFault(f"ip {' '.join(words)}: {' '.join(done.stderr.split())}")


def namespaces() -> list[str]:
    """The names of all network namespaces of this machine."""
    done = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    return [line.split()[0] for line in done.stdout.splitlines() if line.strip()]


def sweep() -> list[str]:
    """Removes namespaces that a run left behind which was killed, and its sockets; their names."""
    stale = []
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}-*-*"):
        found = re.fullmatch(rf"{_PREFIX}-(\d+)-\d+", folder.name)
        if found and not Path(f"/proc/{found.group(1)}").exists():
            shutil.rmtree(folder, ignore_errors=True)
    for name in namespaces():
        found = re.fullmatch(rf"{_PREFIX}-(\d+)-\d+-\w+", name)
        if found and not Path(f"/proc/{found.group(1)}").exists():
            ip("netns", "del", name)
            stale.append(name)
    return stale


class Sandbox:
    """Some network namespaces, and links between them."""

    def __init__(self, folder: Path, cancel: threading.Event | None = None) -> None:
        self.folder = folder
        self._cancel = cancel or threading.Event()
        self._prefix = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        # For UNIX sockets, whose paths have at most 107 octets.
        self.sockets = Path(tempfile.gettempdir()) / self._prefix
        self._namespaces: list[str] = []
        self._processes: list[Process] = []

    def __enter__(self) -> Sandbox:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.sockets.mkdir(mode=0o700)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process and removes every namespace."""
        for process in reversed(self._processes):
            process.kill()
        self._processes.clear()
        while self._namespaces:
            ip("netns", "del", self._namespaces.pop())
        shutil.rmtree(self.sockets, ignore_errors=True)

    def add_namespace(self, role: str) -> str:
        """A new namespace for a role, such as "peer"; its name."""
        name = f"{self._prefix}-{role}"
        ip("netns", "add", name)
        self._namespaces.append(name)
        ip("-n", name, "link", "set", "lo", "up")
        # The answer to a packet from the tunnel comes in on another device than eth0.
        self.run(name, ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"])
        self.run(name, ["sysctl", "-qw", "net.ipv4.conf.default.rp_filter=0"])
        return name

    def link(
        self, a: str, b: str, device_a: str = "eth0", device_b: str = "eth0", mtu: int = 1500
    ) -> None:
        """A veth pair, up, without offload: packets have real checksums and sizes."""
        ip("link", "add", device_a, "netns", a, "type", "veth", "peer", device_b, "netns", b)
        for name, device in ((a, device_a), (b, device_b)):
            off = [word for what in ("tx", "rx", "tso", "gso", "gro") for word in (what, "off")]
            self.run(name, ["ethtool", "-K", device, *off])
            # No router solicitations and the like from a device whose address is simulated.
            self.run(name, ["sysctl", "-qw", f"net.ipv6.conf.{device}.disable_ipv6=1"])
            ip("-n", name, "link", "set", device, "mtu", str(mtu), "up")

    def start(
        self,
        namespace: str,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        mounts: Sequence[str] = (),
        piped: bool = False,
    ) -> Process:
        """A program in a namespace, its output in FOLDER/NAME.out.

        ``mounts`` are shell commands that prepare its private view of the file system; ``piped``:
        its standard input is kept, for Process.write.
        """
        log = self.folder / f"{name}.out"
        view = " && ".join([*mounts, 'exec "$@"'])
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--"]
        whole = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", namespace, *apart]
        with log.open("wb") as output:
            popen = subprocess.Popen(
                [*whole, "sh", "-c", view, "sh", *command],
                stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for this program only
            )
        process = Process(name, popen, log)
        self._processes.append(process)
        return process

    def run(
        self,
        namespace: str,
        command: Sequence[str],
        *,
        timeout: float = 30.0,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """A short command in a namespace, to its end; its output is text."""
        popen = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
            start_new_session=True,
        )
        limit = time.monotonic() + timeout
        while True:
            try:
                output, _ = popen.communicate(timeout=_POLL)
                return subprocess.CompletedProcess(list(command), popen.returncode, output, "")
            except subprocess.TimeoutExpired:
                if time.monotonic() > limit or self._cancel.is_set():
                    os.killpg(popen.pid, signal.SIGKILL)
                    popen.wait()
                    self._check()
                    raise CellFault(f"{command[0]} did not end within {timeout:g} s") from None

    def wait(self, what: str, until: Callable[[], bool], timeout: float = 15.0) -> None:
        """Waits for something; CellFault when it does not come, or a process died meanwhile."""
        limit = time.monotonic() + timeout
        while not self._holds(what, until):
            if time.monotonic() > limit:
                raise CellFault(f"no {what} within {timeout:g} s")
            time.sleep(_POLL)

    def _holds(self, what: str, until: Callable[[], bool]) -> bool:
        """A process that died is the reason also of what could not be asked."""
        fault: CellFault | None = None
        try:
            if until():
                return True
        except CellFault as error:
            fault = error
        self._check()
        for process in self._processes:
            if not process.running and (fault or not until()):
                said = tail(process.log)
                raise CellFault(
                    f"{process.name} ended ({process.status}) while waiting for {what}: {said}"
                )
        if fault:
            raise fault
        return False

    def sleep(self, seconds: float) -> None:
        """Lets time pass, unless the command is interrupted."""
        if self._cancel.wait(seconds):
            raise Cancelled

    def forget(self, process: Process) -> None:
        """Ends a process; from now on it need not run."""
        process.kill()
        self._processes.remove(process)

    def _check(self) -> None:
        if self._cancel.is_set():
            raise Cancelled


def require_root() -> str:
    """Why no sandbox can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("ip", "ethtool", "setpriv", "unshare", "sysctl"):
        if shutil.which(program) is None:
            return f"needs {program}"
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "may not make network namespaces"

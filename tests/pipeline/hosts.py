"""Hosts of our own on one machine: each with its network, file systems, name and processes, joined by a switch.

Namespaces of the kernel, for which root is needed: what goes from one to another crosses a network, and one that is cut
off answers nobody, as no process that is killed can show. Nothing is shared but the folder /mnt.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.pipeline.conftest import ROOT

NEEDED = ("ip", "unshare", "nsenter", "mount")
NETWORK, ROUTER = "10.77.0", 254
SWITCH = "switch"
VENV = Path(sys.prefix)
# Its first process, which takes what its own leave behind, as an init does, and ends with whoever holds its input.
INIT = (
    "import signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print('up', flush=True); "
    "sys.stdin.read()"
)
# Between these, /media holds what is kept: the interpreter, which may lie in the checkout, and that one, which may lie
# in /tmp.
HOST = """set -e
hostname {name}
mount --bind {shared} /mnt
mount --bind /mnt/hosts /etc/hosts
mount --bind /dev/null /etc/resolv.conf
mount -t tmpfs none /media
for folder in {kept}; do mkdir -p "/media$folder"; mount --bind "$folder" "/media$folder"; done
for folder in {hidden}; do mount -t tmpfs none "$folder"; done
mount -t tmpfs none /tmp
mount -t tmpfs none /dev/shm
mkdir -p /tmp/home
for folder in {kept}; do mkdir -p "$folder"; mount --bind "/media$folder" "$folder"; done
umount --recursive /media
ip link set lo up
exec {python} -IS -c "{init}"
"""
SPACES = ["--net", "--mount", "--uts", "--ipc", "--pid"]


@dataclass
class Host:
    name: str
    number: int
    pid: int  # of its first process, as the machine counts them
    network: Network

    @property
    def address(self) -> str:
        return f"{NETWORK}.{self.number}"

    def start(
        self, words: list[str], environment: dict[str, str] | None = None, folder: str = "/tmp"
    ) -> subprocess.Popen[str]:
        """A command on this host. Signals don't reach it; it ends with the host."""
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "AWS_", "PYTHON"))
        }
        return subprocess.Popen(
            self.command(words, folder), env={**kept, **(environment or {})}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def command(self, words: list[str], folder: str = "/tmp") -> list[str]:
        """What has these words run on this host, with its own home."""
        return ["nsenter", f"--target={self.pid}", *SPACES, f"--wd={folder}", "env", "HOME=/tmp/home", *words]

    def run(
        self,
        words: list[str],
        environment: dict[str, str] | None = None,
        folder: str = "/tmp",
        seconds: float = 240,
    ) -> tuple[int, str]:
        """A command to its end: exit code, and what it said."""
        process = self.start(words, environment, folder)
        try:
            said, _ = process.communicate(timeout=seconds)
        finally:
            process.kill()
        return process.returncode, said

    def cut(self) -> None:
        """Takes its cable out of the switch: from now on what it sends and what is sent to it is lost."""
        self.network.ip(f"link set port{self.number} nomaster")

    def mend(self) -> None:
        self.network.ip(f"link set port{self.number} master {SWITCH}")


@dataclass
class Network:
    """A switch, and the hosts that are plugged into it."""

    pid: int
    shared: Path  # what all hosts see as /mnt
    hosts: list[Host] = field(default_factory=list)
    _ends: ExitStack = field(default_factory=ExitStack)

    def __getitem__(self, name: str) -> Host:
        return next(host for host in self.hosts if host.name == name)

    def ip(self, words: str, pid: int | None = None) -> None:
        """`ip` on the switch, or on the host with that first process."""
        command = ["nsenter", f"--target={pid or self.pid}", "--net", "ip", *words.split()]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr}")

    def host(self, name: str, hidden: bool = True) -> Host:
        """One more host. `hidden`: it doesn't see the repository."""
        folders = {str(folder) for folder in (ROOT, VENV.parent) if (folder / "launch.py").exists()}
        script = HOST.format(
            name=name, shared=self.shared, hidden=" ".join(folders) if hidden else "",
            kept=VENV if hidden else f"{ROOT} {VENV}", python=os.path.realpath(sys.executable), init=INIT,
        )  # fmt: skip
        number = len(self.hosts) + 1
        with (self.shared / "hosts").open("a") as names:
            names.write(f"{NETWORK}.{number} {name}\n")
        host = Host(name, number, self._ends.enter_context(_spaces(script, SPACES)), self)
        port = f"port{host.number}"
        self.ip(f"link add {port} type veth peer name eth0 netns {host.pid}")
        self.ip(f"link set {port} master {SWITCH} up")
        self.ip(f"address add {host.address}/24 dev eth0", host.pid)
        self.ip("link set eth0 up", host.pid)
        self.ip(f"route add default via {NETWORK}.{ROUTER}", host.pid)
        self.hosts.append(host)
        return host


@contextmanager
def network(shared: Path) -> Iterator[Network]:
    """Hosts and all that runs on them end with it, and with this process. Skips the test where there can be none."""
    if reason := why_not():
        pytest.skip(f"no hosts of our own in namespaces: {reason}")
    with _network(shared) as found:
        yield found


@contextmanager
def _network(shared: Path) -> Iterator[Network]:
    init = f'{os.path.realpath(sys.executable)} -IS -c "{INIT}"'
    with _spaces(f"exec {init}", ["--net"]) as pid, ExitStack() as ends:
        (shared / "hosts").write_text("127.0.0.1 localhost\n")
        found = Network(pid, shared, _ends=ends)
        found.ip(f"link add {SWITCH} type bridge")
        found.ip(f"link set {SWITCH} up")
        found.ip(f"address add {NETWORK}.{ROUTER}/24 dev {SWITCH}")
        yield found


@contextmanager
def _spaces(script: str, spaces: list[str]) -> Iterator[int]:
    """Namespaces with a first process, which yields its number."""
    proc = ["--mount-proc"] if "--pid" in spaces else []
    command = ["unshare", *spaces, *proc, "--fork", "--kill-child=KILL", "bash", "-c", script]
    pipe = subprocess.PIPE
    holder = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        assert holder.stdout and holder.stderr
        if holder.stdout.readline() != "up\n":
            raise OSError(holder.stderr.read().strip())
        [child] = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        yield int(child)
    finally:
        holder.kill()
        holder.communicate()


@cache
def why_not() -> str | None:
    """Why this machine can't have hosts of its own, in a line; None if it can, which is tried."""
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"no {', '.join(missing)} here"
    with TemporaryDirectory() as shared:
        try:
            with _network(Path(shared)) as tried:
                code, said = tried.host("tried").run(["true"], seconds=60)
        except OSError as error:
            code, said = 1, str(error)
    return " ".join(said.split()) or "a command on one fails" if code else None

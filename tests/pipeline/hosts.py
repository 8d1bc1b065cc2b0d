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
from pathlib import Path

from conftest import ROOT

NEEDED = ("ip", "unshare", "nsenter", "mount")
NETWORK, ROUTER = "10.77.0", 254
SWITCH = "switch"
VENV = Path(sys.prefix)
# Its first process, which takes what its own leave behind, as an init does.
INIT = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN); print('up', flush=True); signal.pause()"
# Between these, /srv holds the checkout, which may lie in /tmp, and /media the interpreter, which may lie in that.
HOST = """set -e
hostname {name}
mount --bind {shared} /mnt
mount --bind /mnt/hosts /etc/hosts
mount --bind /dev/null /etc/resolv.conf
mount --bind {venv} /media
mount --bind {root} /srv
for folder in {hidden}; do mount -t tmpfs none "$folder"; done
mount -t tmpfs none /tmp
mount -t tmpfs none /dev/shm
for folder in {seen}; do mkdir -p "$folder"; mount --bind /srv "$folder"; done
mkdir -p {venv} /tmp/home
mount --bind /media {venv}
umount /media /srv
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
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"

    def host(self, name: str, hidden: bool = True) -> Host:
        """One more host. `hidden`: it doesn't see the repository."""
        folders = {str(folder) for folder in (ROOT, VENV.parent) if (folder / "launch.py").exists()}
        script = HOST.format(
            name=name, shared=self.shared, root=ROOT, venv=VENV, hidden=" ".join(folders) if hidden else "",
            seen="" if hidden else ROOT, python=os.path.realpath(sys.executable), init=INIT,
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
    """Hosts and all that runs on them end with it, and with this process."""
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
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stderr
        if holder.stdout.readline() != "up\n":
            raise OSError(holder.stderr.read().strip())
        [child] = Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()
        yield int(child)
    finally:
        holder.kill()
        holder.communicate()


def why_not() -> str | None:
    """Why this machine can't have hosts of its own; None if it can."""
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"no {', '.join(missing)} here"
    done = subprocess.run(["unshare", *SPACES, "--fork", "true"], capture_output=True, text=True)
    return done.stderr.strip().splitlines()[-1] if done.returncode else None

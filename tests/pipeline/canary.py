"""Things on this machine that a hostile program would try to reach."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Canary:
    """Things on this machine that a program must not reach, and a check that none did."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.joinpath("secret").write_text(secrets.token_hex())
        self._sockets = {
            "tcp": socket.socket(socket.AF_INET, socket.SOCK_STREAM),
            "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            "unix": socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
            "abstract": socket.socket(socket.AF_UNIX, socket.SOCK_STREAM),
        }
        self._unix = f"{tempfile.mkdtemp()}/canary"
        for name, listener in self._sockets.items():
            address = {"unix": self._unix, "abstract": "\0" + self._unix}.get(name, ("127.0.0.1", 0))
            listener.bind(address)
            listener.setblocking(False)
            if name != "udp":
                listener.listen()

    def fill(self, program: str) -> str:
        home, prefix = str(Path.home()), Path(sys.base_prefix)
        return program.format(
            terces=self._folder.joinpath("secret").read_text()[::-1],
            folder=self._folder,
            tcp=self._sockets["tcp"].getsockname()[1],
            udp=self._sockets["udp"].getsockname()[1],
            unix=self._unix,
            parent=os.getpid(),
            repository=ROOT,
            home=home,
            home_names=[name for name in os.listdir(home) if not prefix.is_relative_to(f"{home}/{name}")],
        )

    def check(self) -> None:
        assert sorted(os.listdir(self._folder)) == ["secret"]
        for name, listener in self._sockets.items():
            with pytest.raises(BlockingIOError):
                listener.recv(1) if name == "udp" else listener.accept()

    def close(self) -> None:
        for listener in self._sockets.values():
            listener.close()
        os.remove(self._unix)
        os.rmdir(os.path.dirname(self._unix))

"""A stub of the Hugging Face hub on 127.0.0.1, by the standard library: repositories by id, revisions, gates, faults.

It answers what `huggingface_hub` and `datasets` ask for when they download (HF_ENDPOINT names it): a repository's
description, its tree, its files with Range requests.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

API = re.compile(r"/api/(models|datasets)/([^/]+/[^/]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?")
FILE = re.compile(r"/(?:(datasets)/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
GATES = {401: "RepoNotFound", 403: "GatedRepo"}


@dataclass
class Repository:
    """`revisions`: branch or tag -> folder. `gate`, for those without the token: 401 denies that there is such a
    repository, 403 describes it but refuses its files, as the hub does with private and gated ones.

    `breaks`: the connection ends half-way through a file of that name so many times.
    """

    revisions: dict[str, Path]
    gate: int | None = None
    breaks: Counter[str] = field(default_factory=Counter)

    def commit(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit names."""
        commits = {
            name: hashlib.sha1(str(folder).encode()).hexdigest() for name, folder in self.revisions.items()
        }
        return commits.get(revision) or next((c for c in commits.values() if c == revision), None)

    def folder(self, revision: str) -> Path:
        commit = self.commit(revision)
        return next(folder for name, folder in self.revisions.items() if self.commit(name) == commit)


class StubHub:
    """`repositories`: (kind, id) -> Repository, kind being models or datasets. `asked` lists what was asked for."""

    token = "hf_secret_of_the_stub"

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.asked: list[str] = []
        self.url = ""

    def environment(self, home: Path) -> dict[str, str]:
        """For a process that sees this hub alone, with a cache of its own and no token."""
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_DATASETS_OFFLINE": "0",
            "HF_TOKEN": "",
            "NO_PROXY": "*",
        }


@contextmanager
def serving() -> Iterator[StubHub]:
    """The hub, until the end of the block."""
    hub = StubHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(hub: StubHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        do_HEAD = do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            if found := API.fullmatch(path):
                kind, name, what, revision, rest = found.groups()
                repository = self._repository(kind, name, revision or "main", gates=(401,))
                if repository is not None:
                    self._describe(repository, name, what, revision or "main", rest, body)
            elif found := FILE.fullmatch(path):
                kind, name, revision, file = found.groups()
                repository = self._repository(kind or "models", name, revision, gates=(401, 403))
                if repository is not None:
                    self._file(repository, revision, file)
            else:
                self._refuse(404, "")

        def _repository(
            self, kind: str, name: str, revision: str, gates: tuple[int, ...]
        ) -> Repository | None:
            """None once the refusal is sent."""
            repository = hub.repositories.get((kind, name))
            allowed = self.headers.get("Authorization") == f"Bearer {hub.token}"
            if repository is None:
                self._refuse(404, "RepoNotFound")
            elif repository.gate in gates and not allowed:
                self._refuse(repository.gate, GATES[repository.gate])
            elif repository.commit(revision) is None:
                self._refuse(404, "RevisionNotFound")
            else:
                return repository
            return None

        def _refuse(self, status: int, code: str) -> None:
            self._send(status, b"", {"X-Error-Code": code} if code else {})

        def _describe(
            self,
            repository: Repository,
            name: str,
            what: str | None,
            revision: str,
            rest: str | None,
            body: bytes,
        ) -> None:
            folder, commit = repository.folder(revision), repository.commit(revision)
            files = sorted(file for file in folder.rglob("*") if file.is_file())
            if what in ("tree", "paths-info"):
                wanted = parse_qs(body.decode()).get("paths") if body else None
                self._json(_entries(folder, files, rest or "", wanted))
            else:
                siblings = [{"rfilename": str(file.relative_to(folder))} for file in files]
                self._json({"id": name, "sha": commit, "siblings": siblings, "private": False, "tags": []})

        def _file(self, repository: Repository, revision: str, name: str) -> None:
            file = repository.folder(revision) / name
            commit = {"X-Repo-Commit": str(repository.commit(revision))}
            if not file.is_file():
                self._send(404, b"", {**commit, "X-Error-Code": "EntryNotFound"})
                return
            content = file.read_bytes()
            tag = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes", **commit}
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            if asked:
                start, last = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
                tag["Content-Range"] = f"bytes {start}-{last}/{len(content)}"
                content = content[start : last + 1]
            broken = self.command == "GET" and repository.breaks[name] > 0
            repository.breaks[name] -= broken
            self._send(206 if asked else 200, content, tag, sent=len(content) // 2 if broken else None)

        def _json(self, tree: Any) -> None:
            self._send(200, json.dumps(tree).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, body: bytes, headers: dict[str, str], sent: int | None = None) -> None:
            """`sent`: so many bytes, after which the connection ends."""
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[:sent])
            if sent is not None:
                self.wfile.flush()
                self.close_connection = True

    return Handler


def _entries(folder: Path, files: list[Path], below: str, wanted: list[str] | None) -> list[dict[str, Any]]:
    """The files and folders below a path, or those asked for by name."""
    folders = {parent for file in files for parent in file.parents if folder in parent.parents}
    found = []
    for place in sorted([*files, *folders]):
        path = str(place.relative_to(folder))
        if path in wanted if wanted is not None else path.startswith(below):
            content = place.read_bytes() if place.is_file() else b""
            kind = "file" if place.is_file() else "directory"
            found.append(
                {"type": kind, "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            )
    return found

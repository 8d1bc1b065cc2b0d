"""A small W&B server on 127.0.0.1: what the client sends is kept, and answered as far as the client looks at it.

Operations and fields are those that wandb 0.31 was seen to send; an operation that is not known here is an error (400)
and listed in `unknown`.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

ENTITY = "me"
KEY = "k" * 40

LACKING = (  # features that a server may lack
    "ServerFeaturesQuery",
    "OrganizationCoreWeaveOrganizationID",
    "XXHashDigestsEnabled",
    "FetchArtifactDigestAlgorithm",
)

Json = dict[str, Any]


@dataclass
class ServedRun:
    """One run as the server has it: `history` are the rows in the order in which they came."""

    project: str
    name: str
    display_name: str = ""
    group: str = ""
    kind: str = ""
    tags: list[str] = field(default_factory=list)
    config: Json = field(default_factory=dict)
    summary: Json = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    complete: bool = False


@dataclass
class ServedArtifact:
    name: str
    kind: str
    committed: bool = False
    files: dict[str, bytes] = field(default_factory=dict)


class WandbServer:
    """Everything that was sent. `refuse`: an HTTP status for every request; 0 answers them."""

    def __init__(self) -> None:
        self.runs: dict[str, ServedRun] = {}
        self.artifacts: dict[str, ServedArtifact] = {}
        self.views: dict[str, Json] = {}
        self.unknown: list[str] = []
        self.refuse = 0
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _handler(self))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def artifact(self, kind: str) -> ServedArtifact:
        """The one artifact of this kind that was committed."""
        [found] = [one for one in self.artifacts.values() if one.kind == kind and one.committed]
        return found

    def answer(self, query: Json) -> Json | None:
        """The data for one GraphQL request; None for an operation that is not known."""
        found = re.search(
            r"(?:query|mutation)\s+(\w+)", query["query"]
        )  # some requests don't name it outside
        operation, variables = found[1] if found else "", query.get("variables") or {}
        known: dict[str, Callable[..., Json]] = {
            "Viewer": self._viewer,
            "RunResumeStatus": self._resume,
            "UpsertBucket": self._upsert,
            "CreateRunFiles": self._run_files,
            "MarkRunFilesUploaded": lambda **_: {"markRunFilesUploaded": {"success": True}},
            "CreateArtifact": self._create_artifact,
            "CreateArtifactManifest": self._manifest,
            "UpdateArtifactManifest": self._manifest,
            "CreateArtifactFiles": self._artifact_files,
            "CommitArtifact": self._commit,
            "ArtifactType": lambda **_: {"project": {"artifact": None}},
            "UpsertView2": self._upsert_view,
            "Views": self._list_views,
            "View": self._list_views,
        }
        if operation in LACKING:
            return {}
        if operation not in known:
            self.unknown.append(query["query"])
            return None
        with self.lock:
            return known[operation](**variables)

    def stream(self, name: str, body: Json) -> None:
        """Rows of one run's files, as the client streams them."""
        with self.lock:
            run = self.runs[name]
            for file, chunk in body.get("files", {}).items():
                lines = [json.loads(line) for line in chunk["content"] if line.strip()]
                if file == "wandb-history.jsonl":
                    run.history += lines
                elif file == "wandb-summary.json":
                    run.summary = lines[-1]
            run.complete |= bool(body.get("complete"))

    def upload(self, path: str, data: bytes) -> None:
        kind, owner, name = unquote(path).lstrip("/").removeprefix("storage/").split("/", 2)
        with self.lock:
            (self.runs if kind == "run" else self.artifacts)[owner].files[name] = data

    def serve(self) -> None:
        self._server.serve_forever(poll_interval=0.05)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _viewer(self, **_: Any) -> Json:
        user = {"id": "u", "entity": ENTITY, "username": ENTITY, "email": "", "flags": "{}", "name": ENTITY}
        return {"viewer": {**user, "teams": {"edges": []}, "apiKeys": {"edges": []}}}

    def _resume(self, name: str, project: str, **_: Any) -> Json:
        run, owner = self.runs.get(name), {"id": "e", "name": ENTITY}
        if run is None:
            return {"model": {"id": "p", "name": project, "entity": owner, "bucket": None}}
        bucket = {
            "id": name,
            "name": name,
            "displayName": run.display_name,
            "summaryMetrics": json.dumps(run.summary),
            "logLineCount": 0,
            "historyLineCount": len(run.history),
            "eventsLineCount": 0,
            "historyTail": json.dumps([json.dumps(row) for row in run.history[-1:]]),
            "eventsTail": "[]",
            "config": json.dumps(run.config),
            "tags": run.tags,
            "notes": None,
            "wandbConfig": json.dumps({"t": 1}),
        }
        return {"model": {"id": "p", "name": project, "entity": owner, "bucket": bucket}}

    def _upsert(self, name: str, project: str, **given: Any) -> Json:
        inserted = name not in self.runs
        run = self.runs.setdefault(name, ServedRun(project, name))
        run.display_name = given.get("displayName") or run.display_name
        run.group, run.kind = given.get("groupName") or run.group, given.get("jobType") or run.kind
        run.tags = given.get("tags") or run.tags
        run.config = json.loads(given["config"]) if given.get("config") else run.config
        owner = {"id": "e", "name": ENTITY}
        bucket = {
            "id": name,
            "name": name,
            "displayName": run.display_name,
            "description": None,
            "config": json.dumps(run.config),
            "sweepName": None,
            "project": {"id": "p", "name": project, "entity": owner},
            "historyLineCount": len(run.history),
        }
        return {"upsertBucket": {"bucket": bucket, "inserted": inserted}}

    def _run_files(self, run: str, files: list[str], **_: Any) -> Json:
        urls = [{"name": name, "uploadUrl": f"{self.url}/storage/run/{run}/{name}"} for name in files]
        return {"createRunFiles": {"runID": run, "uploadHeaders": [], "files": urls}}

    def _create_artifact(self, input: Json, **_: Any) -> Json:
        number = str(len(self.artifacts))
        name = (
            input["artifactCollectionName"]
            if "artifactCollectionName" in input
            else input["artifactCollectionNames"][0]
        )
        self.artifacts[number] = ServedArtifact(name, input["artifactTypeName"])
        artifact = {
            "id": number,
            "state": "PENDING",
            "artifactSequence": {"id": number, "latestArtifact": None},
        }
        return {"createArtifact": {"artifact": artifact}}

    def _manifest(self, artifactID: str = "", artifactManifestID: str = "", **_: Any) -> Json:
        number = artifactID or artifactManifestID
        manifest = {"id": number, "file": self._place(number, "wandb_manifest.json")}
        return {
            "createArtifactManifest": {"artifactManifest": manifest},
            "updateArtifactManifest": {"artifactManifest": manifest},
        }

    def _artifact_files(self, input: Json, **_: Any) -> Json:
        nodes = [self._place(spec["artifactID"], spec["name"]) for spec in input["artifactFiles"]]
        return {"createArtifactFiles": {"files": {"edges": [{"node": node} for node in nodes]}}}

    def _place(self, number: str, name: str) -> Json:
        return {
            "id": f"{number}/{name}",
            "name": name,
            "displayName": name,
            "storagePath": name,
            "uploadUrl": f"{self.url}/storage/artifact/{number}/{name}",
            "uploadHeaders": [],
            "uploadMultipartUrls": None,
            "artifact": {"id": number},
        }

    def _commit(self, artifactID: str, **_: Any) -> Json:
        self.artifacts[artifactID].committed = True
        return {"commitArtifact": {"artifact": {"id": artifactID, "digest": ""}}}

    def _upsert_view(self, id: str | None = None, **given: Any) -> Json:
        inserted = id is None
        number = id or f"view{len(self.views)}"
        self.views[number] = {**given, "id": number}
        return {"upsertView": {"view": {"id": number, "name": given["name"]}, "inserted": inserted}}

    def _list_views(self, viewName: str | None = None, **_: Any) -> Json:
        found = [view for view in self.views.values() if viewName in (None, view["name"])]
        return {"project": {"allViews": {"edges": [{"node": view} for view in found]}}}


@contextmanager
def serving() -> Iterator[WandbServer]:
    """A server that runs for as long as the block."""
    server = WandbServer()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *request: Any) -> None:
        """A client that ends drops its connections, which is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*request)


def _handler(server: WandbServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self._body()
            if self._refused():
                return
            if self.path.endswith("/graphql"):
                data = server.answer(json.loads(body))
                self._send(200 if data is not None else 400, {"data": data})
            else:
                if self.path.endswith("/file_stream"):
                    server.stream(self.path.split("/")[-2], json.loads(body))
                self._send(200, {})  # among them telemetry

        def do_PUT(self) -> None:
            body = self._body()
            if not self._refused():
                server.upload(self.path, body)
                self._send(200, {})

        def _refused(self) -> bool:
            """Also without the right key; uploads carry theirs in the URL."""
            key = self.headers.get("Authorization", "").removeprefix("Basic ")
            keyless = not self.path.endswith(("/graphql", "/file_stream"))
            status = server.refuse or (0 if keyless or b64decode(key).decode() == f"api:{KEY}" else 401)
            if status:
                self._send(status, {"errors": [{"message": "refused by the test"}]})
            return bool(status)

        def _body(self) -> bytes:
            data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return gzip.decompress(data) if self.headers.get("Content-Encoding") == "gzip" else data

        def _send(self, status: int, content: Json) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    return Handler

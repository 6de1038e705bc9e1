"""A loopback server that speaks what a download needs of the Hugging Face Hub's API, and can misbehave as asked."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Hub:
    """One dataset repository with one commit.

    files: path -> content.
    lfs: whether the tree gives SHA-256 (large files) or git object ids alone.
    cuts: path -> numbers of bytes after which the connection breaks, one per request.
    stalls: paths whose answers stop in the middle until `go_on` is set.
    lies: path -> content sent instead of what is listed.
    refuses: (status, X-Error-Code) of every answer.
    """

    repository: str
    commit: str
    files: dict[str, bytes]
    lfs: bool = True
    page: int = 1000
    ranges: bool = True
    cuts: dict[str, list[int]] = field(default_factory=dict)
    stalls: set[str] = field(default_factory=set)
    lies: dict[str, bytes] = field(default_factory=dict)
    refuses: tuple[int, str] | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def entry(self, path: str) -> dict[str, object]:
        data = self.files[path]
        sha1 = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        large = {"lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}} if self.lfs else {}
        return {"type": "file", "path": path, "oid": sha1, "size": len(data), **large}

    def downloads(self, path: str) -> list[str | None]:
        """Range headers of the requests for a file, in order."""
        return [wanted for seen, wanted in self.requests if seen == path]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Runs the server on a free port of this machine; `hub.url` is its address."""

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        hub, url = self.hub, urllib.parse.urlsplit(self.path)
        api = f"/api/datasets/{hub.repository}"
        if hub.refuses:
            return self._answer({"error": "no"}, *hub.refuses)
        if found := re.fullmatch(f"{api}/revision/(.+)", url.path):
            if urllib.parse.unquote(found[1]) not in (hub.commit, "main"):
                return self._answer({"error": "no"}, 404, "RevisionNotFound")
            return self._answer({"id": hub.repository, "sha": hub.commit})
        if url.path == f"{api}/tree/{hub.commit}":
            return self._tree(int(dict(urllib.parse.parse_qsl(url.query)).get("cursor", 0)))
        if found := re.fullmatch(f"/datasets/{hub.repository}/resolve/{hub.commit}/(.+)", url.path):
            return self._file(urllib.parse.unquote(found[1]))
        return self._answer({"error": "no"}, 404, "RepoNotFound")

    def _tree(self, start: int) -> None:
        folders = sorted({path.rpartition("/")[0] for path in self.hub.files} - {""})
        entries = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
        entries += [self.hub.entry(path) for path in self.hub.files]
        after = start + self.hub.page
        base = f"{self.hub.url}/api/datasets/{self.hub.repository}/tree/{self.hub.commit}"
        link = {"Link": f'<{base}?recursive=true&cursor={after}>; rel="next"'} if after < len(entries) else {}
        self._answer(entries[start:after], **link)

    def _file(self, path: str) -> None:
        hub, wanted = self.hub, self.headers.get("Range")
        hub.requests.append((path, wanted))
        whole = hub.lies.get(path, hub.files[path])
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and hub.ranges else 0
        data = whole[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if path in hub.stalls:
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            hub.stalled.set()
            hub.go_on.wait(30)
            data = data[len(data) // 2 :]
        elif hub.cuts.get(path):
            self.wfile.write(data[: hub.cuts[path].pop(0)])
            self.close_connection = True
            return
        self.wfile.write(data)

    def _answer(self, body: object, status: int = 200, code: str = "", **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "X-Error-Code": code, **headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

"""A model hub on loopback: the list of files, the files, redirects to a second host for the large ones, and whatever may go wrong on the way."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def blob_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        hub = self.server.hub
        path, _, query = self.path.partition("?")
        hub.requests.append({"path": path, "query": query, "token": self.headers.get("Authorization"), "range": self.headers.get("Range"),
                             "host": "cdn" if self.server is hub.cdn else "hub"})
        if hub.fail and self.server is hub.main:
            status = hub.fail.pop(0)
            if status:
                return self.answer(status, b"no")
        if hub.token and self.server is hub.main and self.headers.get("Authorization") != f"Bearer {hub.token}":
            return self.answer(401, b"Invalid credentials")
        if path.startswith("/api/models/"):
            return self.listing(hub, path, query)
        name = path.rpartition(f"/resolve/{COMMIT}/")[2] if self.server is hub.main else path[1:].partition("/")[2]
        if name not in hub.files or (self.server is hub.main and not path.startswith(f"/{hub.name}/resolve/")):
            return self.answer(404, b"Entry not found")
        if self.server is hub.main and name in hub.large:
            data = hub.files[name]
            return self.answer(302, Location=f"{hub.cdn_url}/objects/{name}", X_Linked_Size=str(hub.linked_size.get(name, len(data))),
                               X_Linked_Etag=f'"{hub.linked_etag.get(name, sha256(data))}"', X_Repo_Commit=COMMIT)
        return self.file(hub, name)

    def listing(self, hub, path, query):
        if path not in (f"/api/models/{hub.name}/revision/main", f"/api/models/{hub.name}/revision/v1%2Fx"):
            return self.answer(404, b'{"error": "Repository not found"}')
        siblings = []
        for name, data in hub.files.items():
            entry = {"rfilename": name}
            if query == "blobs=true" and hub.blobs:
                entry.update(size=len(data), blobId=blob_sha1(data))
                if name in hub.large:
                    entry["lfs"] = {"sha256": sha256(data), "size": len(data), "pointerSize": 134}
            siblings.append(entry)
        return self.answer(200, json.dumps({"sha": COMMIT, "siblings": siblings}).encode(), Content_Type="application/json")

    def file(self, hub, name):
        data = hub.wrong_bytes.get(name, hub.files[name])
        start, status = 0, 200
        if hub.ranges and self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                return self.answer(416)
            status = 206
        rest = data[start:]
        self.send_response(status)
        self.send_header("Content-Length", str(len(rest) + hub.announce_more.get(name, 0)))
        self.send_header("ETag", '"cdn-tag"' if name in hub.large else f'"{blob_sha1(hub.files[name])}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        pieces = hub.cut.get(name)
        if pieces:  # send so many bytes, then break the connection
            self.wfile.write(rest[:pieces.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return
        self.wfile.write(rest)


class Hub:
    def __init__(self, files, large, name="owner/model"):
        self.name, self.files, self.large = name, files, set(large)
        self.requests, self.fail, self.token = [], [], None
        self.blobs, self.ranges = True, True
        self.wrong_bytes, self.announce_more, self.cut, self.linked_size, self.linked_etag = {}, {}, {}, {}, {}

    def __enter__(self):
        self.main, self.cdn = (ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2))
        for server in (self.main, self.cdn):
            server.hub, server.daemon_threads = self, True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.main.server_port}"
        self.cdn_url = f"http://127.0.0.1:{self.cdn.server_port}"
        return self

    def __exit__(self, *error):
        for server in (self.main, self.cdn):
            server.shutdown()
            server.server_close()

    def asked_for(self, name):
        return [request for request in self.requests if request["path"].endswith("/" + name)]

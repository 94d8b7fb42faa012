# SPDX-License-Identifier: Apache-2.0
"""A Hugging Face hub of one small dataset on 127.0.0.1, as `huggingface_hub` asks for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextlib.contextmanager
def hub(repository: str, files: dict[str, bytes], *, gated: bool = False) -> Iterator[str]:
    """Serves the files as the dataset, or to nobody; gives the address for HF_ENDPOINT."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def respond(self) -> None:
            path = self.path.partition("?")[0]
            api = f"/api/datasets/{repository}"
            resolved = f"/datasets/{repository}/resolve/{COMMIT}/"
            name = path.removeprefix(resolved)
            if gated:
                self.send_response(403)
                self.send_header("X-Error-Code", "GatedRepo")
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif path in {api, f"{api}/revision/main", f"{api}/revision/{COMMIT}"}:
                about = {
                    "id": repository,
                    "sha": COMMIT,
                    "private": False,
                    "tags": [],
                    "siblings": [{"rfilename": file} for file in files],
                }
                self.answer(json.dumps(about).encode(), "application/json")
            elif path.startswith(f"{api}/tree/"):
                tree = [
                    {
                        "type": "file",
                        "path": file,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for file, content in files.items()
                ]
                self.answer(json.dumps(tree).encode(), "application/json")
            elif path.startswith(resolved) and name in files:
                etag = hashlib.sha1(files[name]).hexdigest()
                headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
                self.answer(files[name], "application/octet-stream", headers)
            else:
                self.send_error(404)

        def do_GET(self) -> None:
            self.respond()

        def do_HEAD(self) -> None:
            self.respond()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""A server on this machine that misbehaves in the manner that the path names."""

import hashlib
import http.server
import re
import socket

CONTENT = bytes(range(256)) * 2000
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ESCAPE = b"\x1b[2J\xe2\x80\xae\x9b\r"
#: Whole answers of servers that are hostile, or none for HTTP.
RAW = {
    "raw-status": ESCAPE + b"x" * 5000 + b"\r\n\r\n",
    "raw-reason": b"HTTP/1.1 500 " + ESCAPE + b"\r\n\r\n",
    "raw-length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "raw-letters": b"HTTP/1.1 200 OK\r\nContent-Length: " + ESCAPE + b"\r\n\r\n",
    "raw-short": b"HTTP/1.1 200 OK\r\nContent-Length: 512000\r\n\r\n?",
    "raw-redirect": b"HTTP/1.1 302 Found\r\nLocation: http://" + ESCAPE + b"/\r\n\r\n",
    "raw-port": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:" + ESCAPE + b"/\r\n\r\n",
    "raw-headers": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    "raw-line": b"HTTP/1.1 200 OK\r\na: " + b"x" * 70000 + b"\r\n\r\n",
    "raw-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + ESCAPE + b"\r\n",
    "raw-loop": b"HTTP/1.1 302 Found\r\nLocation: /raw-loop\r\n\r\n",
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT in the manner that the path names; note each request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.requests.append((self.path, asked))
        manner = self.path.removeprefix("/")
        if manner in RAW:
            self.wfile.write(RAW[manner])
            self.close_connection = True
            return None
        if manner == "missing":
            return self.send_error(404)
        if manner == "redirect-to-file":
            return self.answer(302, b"", Location="file:///etc/hostname")
        if manner == "redirect":
            return self.answer(302, b"", Location="/whole")
        if manner == "wrong":
            return self.answer(200, b"?" * len(CONTENT))
        if manner == "login-page":
            return self.answer(200, b"<html>")
        if manner == "endless":
            return self.answer(200, CONTENT + b"more", length=None)
        if manner == "silent":
            self.server.stop.wait(5)
            return None
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0
        if manner == "no-range" or not asked:
            start = 0
        if start >= len(CONTENT):
            return self.send_error(416)
        if manner == "other-range" and asked:
            body, headers = CONTENT[5:], {"Content-Range": f"bytes 5-{len(CONTENT) - 1}/*"}
            return self.answer(206, body, **headers)
        end = len(CONTENT)
        if manner == "breaks" or (manner == "breaks-once" and len(self.server.requests) == 1):
            end = start + 100_000
        headers = {"Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        length = None if manner == "no-length" else len(CONTENT) - start
        if manner == "slow":
            end = start
        self.answer(206 if start else 200, CONTENT[start:end], length, **(headers if start else {}))
        if manner == "slow":
            for at in range(start, SIZE, SIZE // 10):
                self.wfile.write(CONTENT[at : at + SIZE // 10])
                self.server.stop.wait(0.1)

    def answer(self, status, body, length: int | None = -1, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length < 0 else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
        self.close_connection = True

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Stay quiet about clients that hang up."""


def unused_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def assert_whole(path, folder):
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in folder.iterdir()] == ["data.bin"]


def assert_one_sentence(error):
    message = str(error.value)
    assert "\n" not in message
    assert "data.bin" in message

"""A server on this machine that misbehaves in the manner that the path names."""

import hashlib
import http.server

CONTENT = bytes(range(256)) * 2000
SIZE = len(CONTENT)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ESCAPE = b"\x1b[2J\xe2\x80\xae\x9b\r"
#: Whole answers that are hostile or no HTTP, one for each kind of error that comes of them.
RAW = {
    "raw-status": ESCAPE + b"x" * 5000 + b"\r\n\r\n",
    "raw-length": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "raw-redirect": b"HTTP/1.1 302 Found\r\nLocation: http://" + ESCAPE + b"/\r\n\r\n",
    "raw-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + ESCAPE + b"\r\n",
    "raw-loop": b"HTTP/1.1 302 Found\r\nLocation: /raw-loop\r\n\r\n",
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Serve CONTENT in the manner that the path names; note each request."""

    def do_GET(self):
        manner = self.path.removeprefix("/")
        self.server.requests.append(manner)
        if manner in RAW:
            self.wfile.write(RAW[manner])
        elif manner == "missing":
            self.send_error(404)
        elif manner == "silent":
            self.server.stop.wait(5)
        elif manner == "redirect":
            self.answer(302, b"", Location="/whole")
        elif manner == "redirect-to-file":
            self.answer(302, b"", Location="file:///etc/hostname")
        elif manner == "wrong":
            self.answer(200, b"<html>")
        elif manner == "empty":
            self.answer(200, b"")
        elif manner == "slow":
            self.answer(200, b"")
            for at in range(0, SIZE, SIZE // 10):
                self.wfile.write(CONTENT[at : at + SIZE // 10])
                self.server.stop.wait(0.05)
        else:
            length = {} if manner == "no-length" else {"Content-Length": SIZE}
            self.answer(200, CONTENT[: SIZE // 2] if manner == "breaks" else CONTENT, **length)

    def answer(self, status, body, **headers):
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Stay quiet about clients that hang up."""

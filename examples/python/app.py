"""A web application that receives webhooks: standard library only.

    python app.py app.db 8000

Each request goes to the inbox as it came; the inbox says what to answer. The
work is done later, by worker.py in another process.
"""

import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import knocker

MAX_BODY_BYTES = 25 * 1024 * 1024


def open_inbox(path):
    """Open the inbox with the endpoints that this application has; the worker does the same."""
    webhooks = knocker.open(path)
    webhooks.endpoint("stripe", provider="stripe", secrets=os.environ["STRIPE_WEBHOOK_SECRET"])
    webhooks.endpoint("github", provider="github", secrets=os.environ["GITHUB_WEBHOOK_SECRET"])
    webhooks.endpoint(
        "shop",
        provider="token-header",
        secrets=os.environ["SHOP_WEBHOOK_TOKEN"],
        provider_options={"header": "X-Shop-Token", "event_type_path": "type", "event_id_path": "id"},
    )
    return webhooks


class Handler(BaseHTTPRequestHandler):
    """One route, /webhooks/<endpoint>, for GET, HEAD and POST."""

    protocol_version = "HTTP/1.1"

    def receive(self):
        path, _, query = self.path.partition("?")
        prefix, _, endpoint = path.rpartition("/")
        length = int(self.headers.get("Content-Length") or 0)
        if prefix != "/webhooks" or length > MAX_BODY_BYTES:
            self.close_connection = True  # the body stays unread
            return self.answer(404 if prefix != "/webhooks" else 413)
        try:
            result = self.server.webhooks.receive(
                endpoint=endpoint,
                body=self.rfile.read(length),
                headers=self.headers,
                query=query,
                method=self.command,
            )
        except knocker.KnockerError as error:
            print(f"webhook not stored: {error}", file=sys.stderr)
            return self.answer(error.http_status)
        response = result.response
        return self.answer(response.status_code, response.headers, response.content)

    do_GET = do_HEAD = do_POST = receive

    def answer(self, status, headers=None, content=b""):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *args):
        """Requests are in the inbox; a second log of them would only be noise."""


def main():
    path, port = sys.argv[1], int(sys.argv[2])
    with open_inbox(path) as webhooks, ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.webhooks = webhooks
        # shutdown() waits for the serving loop, which this handler interrupts: so it gets a thread.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

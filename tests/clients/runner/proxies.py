"""What stands between: connections that are cut, and links that are counted."""

import collections
import http.client
import http.server
import json
import socket
import threading
import urllib.parse

CONNECT_SECONDS = 30


class TcpProxy:
    """Hands on connections to `target`, until they are cut.

    While `target` is None, connections are taken and wait. With listen=False
    nobody is at the address until listen() is called.
    """

    def __init__(self, target, listen=True):
        self._lock = threading.Condition()
        self._target = target
        self._pairs = set()
        self._closed = False
        self.sent = 0  # bytes, from callers
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._socket.getsockname()[1]
        self.connections = 0
        if listen:
            self.listen()

    def listen(self):
        self._socket.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def target(self):
        return self._target

    @target.setter
    def target(self, target):
        with self._lock:
            self._target = target
            self._lock.notify_all()

    def _accept(self):
        while True:
            try:
                caller, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(caller,),
                             daemon=True).start()

    def _serve(self, caller):
        with self._lock:
            self._lock.wait_for(lambda: self._target or self._closed,
                                CONNECT_SECONDS)
            target = self._target
        try:
            host, port = target.rsplit(":", 1)
            server = socket.create_connection((host, int(port)), 10)
            server.settimeout(None)
        except (OSError, AttributeError):
            caller.close()
            return
        for one in caller, server:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = (caller, server)
        with self._lock:
            self._pairs.add(pair)
        other = threading.Thread(target=self._pump,
                                 args=(server, caller, False), daemon=True)
        other.start()
        self._pump(caller, server, True)
        other.join()
        with self._lock:
            self._pairs.discard(pair)
        caller.close()
        server.close()

    def _pump(self, source, sink, counts):
        try:
            while data := source.recv(1 << 16):
                sink.sendall(data)
                if counts:
                    with self._lock:
                        self.sent += len(data)
                        self._lock.notify_all()
        except OSError:
            pass
        for one in source, sink:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def await_sent(self, size, seconds=60):
        with self._lock:
            if not self._lock.wait_for(lambda: self.sent >= size, seconds):
                raise AssertionError(f"only {self.sent} bytes came, not {size}")

    def cut(self):
        """Ends all connections, at both sides."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            for one in pair:
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        self.cut()


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing of callers who went away."""

    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class LakefsProxy:
    """Stands before lakeFS and keeps what is linked to each path.

    `links` has the physical addresses that were linked, by path: a gateway
    that lost an answer may link the same one again, which is no second object.
    `on_link[path]` is called after a link has taken effect and before its
    answer goes on.
    """

    def __init__(self, url):
        self._host = urllib.parse.urlsplit(url).netloc
        self.links = collections.defaultdict(set)
        self.authorizations = collections.defaultdict(set)
        self.on_link = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer._hand_on(self)

            do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

            def log_message(self, *_):
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_port
        threading.Thread(target=self._server.serve_forever,
                         daemon=True).start()

    def _hand_on(self, request):
        size = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(size)
        url = urllib.parse.urlsplit(request.path)
        path = urllib.parse.parse_qs(
            url.query, keep_blank_values=True).get("path", [""])[0]
        if value := request.headers.get("Authorization"):
            self.authorizations[path].add(value)
        try:
            reply, data = self._ask(request, body)
        except (OSError, http.client.HTTPException):
            request.close_connection = True
            return
        if reply.status < 300 and self._links(request.command, url.path):
            self.links[path].add(self._address(body) or self._address(data))
            if hook := self.on_link.pop(path, None):
                hook()
        try:
            request.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("content-length", "connection",
                                        "transfer-encoding"):
                    request.send_header(name, value)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data)
        except OSError:
            request.close_connection = True

    def _ask(self, request, body):
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            headers = {name: value for name, value in request.headers.items()
                       if name.lower() not in ("host", "connection")}
            connection.request(request.command, request.path, body, headers)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()

    @staticmethod
    def _address(text):
        try:
            told = json.loads(text)
        except ValueError:
            return None
        return told.get("staging", told).get("physical_address")

    @staticmethod
    def _links(method, path):
        if method == "POST":
            return path.endswith("/objects")
        return method == "PUT" and (
            path.endswith("/staging/backing") or
            ("/staging/pmpu/" in path and "/parts/" not in path))

    def close(self):
        self._server.shutdown()
        self._server.server_close()

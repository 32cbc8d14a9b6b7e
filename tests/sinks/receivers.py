"""Receivers for tests: a web server that fails at will, a TLS server that reads syslog, and a real rsyslog."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DEADLINE_S: Final = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when a condition holds; fail when it does not for a minute."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "waited for a minute"
        time.sleep(0.01)


class Hook:
    """A web server on a port of its own: what was posted, and what it answers next (200 when nothing is planned)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.planned: list[int | None] = []
        self.url = ""

    @contextlib.contextmanager
    def running(self, port: int = 0) -> Iterator[None]:
        """Serve; a planned None hangs up without an answer."""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = hook.planned.pop(0) if hook.planned else 200
                if status is None:
                    self.close_connection = True
                    return
                if status == 200:
                    hook.got.append((dict(self.headers), body))
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.send_header("Location", "http://127.0.0.1:1/")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        server.daemon_threads = True
        self.url = f"http://127.0.0.1:{server.server_port}/hook?x=1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def rsyslog(folder: Path, port: int) -> Iterator[Path]:
    """Run rsyslog on a port for UDP and TCP; yield the file in which it writes whole messages, a line each."""
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip("rsyslog is not installed here (Debian: apt-get install rsyslog)")
    log = folder / "received.log"
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        f'global(workDirectory="{folder}" maxMessageSize="64k")\n'
        'module(load="imudp")\nmodule(load="imtcp")\n'
        f'input(type="imudp" port="{port}" address="127.0.0.1")\n'
        f'input(type="imtcp" port="{port}" address="127.0.0.1")\n'
        'template(name="all" type="string" string="%syslogseverity% %app-name% %msgid% %msg%\\n")\n'
        f'action(type="omfile" file="{log}" template="all" asyncWriting="off" flushOnTXEnd="on")\n'
    )
    command = [program, "-n", "-f", str(configuration), "-i", str(folder / "pid")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port))
        yield log
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def certificate(folder: Path) -> tuple[Path, Path]:
    """Return files of a certificate for 127.0.0.1 and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "netsift test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    return paths


@contextlib.contextmanager
def tls_server(chain: Path, key: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a TLS server and the bytes that it has read, one connection after the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    plain, _ = listening.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                        while data := connection.recv(65_536):
                            read.append(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], read
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()

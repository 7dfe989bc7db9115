#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""Checks https_get against servers that behave badly, and https_server against such clients.

    check_https.py FOLDER_OF_PROGRAMS PKI_SCRIPT
"""
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

programs = pathlib.Path(sys.argv[1])
pki_script = pathlib.Path(sys.argv[2])
failures = 0


def expect(what, passed, *facts):
    global failures
    if not passed:
        failures += 1
        print(f"FAILED {what}: {facts}", flush=True)
    else:
        print(f"ok     {what}", flush=True)


# ---- https_get -----------------------------------------------------------------------------------

BODY = bytes(range(256)) * 300
OK = b"HTTP/1.1 200 OK\r\n"

# path: the answer, how the connection ends, the exit code, the body that is to come out (None: any)
# and words of the message
ANSWERS = {
    "/length": (OK + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY, "tls", 0, BODY, ""),
    "/length-cut": (OK + b"content-length:  4\r\n\r\nbody", "cut", 0, b"body", ""),
    "/chunked": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n"
        b"Trailer: x\r\n\r\n", "tls", 0, b"body0123456789", ""),
    "/to-the-end": (OK + b"\r\n" + BODY, "tls", 0, BODY, ""),
    "/to-the-end-cut": (OK + b"\r\nsome", "cut", 7, b"some", "close_notify"),
    "/short": (OK + b"Content-Length: 100\r\n\r\nsome", "tls", 7, b"some", "96 bytes are missing"),
    "/short-cut": (OK + b"Content-Length: 100\r\n\r\nsome", "cut", 7, b"some", "close_notify"),
    "/chunk-short": (OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nsome", "tls", 7, b"some", "missing"),
    "/no-last-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n", "tls", 7, b"some", "ends"),
    "/bad-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nsome", "tls", 8, b"", "chunk size"),
    "/wrong-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nsome\r\n", "tls", 8, None, "longer"),
    "/huge-chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n1" + b"0" * 16 + b"\r\nx", "tls", 8, b"", "chunk size"),
    "/gzip": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "tls", 8, b"", "transfer coding"),
    "/two-lengths": (OK + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nsome", "tls", 8, b"", "Content-Length"),
    "/bad-length": (OK + b"Content-Length: -4\r\n\r\nsome", "tls", 8, b"", "Content-Length"),
    "/no-http": (b"220 mail.example ESMTP\r\n", "tls", 8, b"", "not HTTP"),
    "/nothing": (b"", "tls", 7, b"", "ends"),
    "/nothing-cut": (b"", "cut", 7, b"", "close_notify"),
    "/endless-line": (OK + b"X: " + b"x" * 20000, "tls", 8, b"", "too long"),
    "/many-headers": (OK + b"X: x\r\n" * 300 + b"\r\n", "tls", 8, b"", "too many"),
    "/no-colon": (OK + b"what is this\r\n\r\n", "tls", 8, b"", "malformed header"),
    "/early": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK +
               b"Content-Length: 2\r\n\r\nhi", "tls", 0, b"hi", ""),
    "/empty": (b"HTTP/1.1 204 No Content\r\n\r\n", "cut", 0, b"", ""),
    "/missing": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone", "tls", 9, b"gone", "404 Not Found"),
    "/colours": (b"HTTP/1.1 500 \x1b[31mred\r\nContent-Length: 0\r\n\r\n", "tls", 9, b"", "500 ?[31mred"),
    "/to-relative": (b"HTTP/1.1 302 Found\r\nLocation: length\r\n\r\n", "tls", 0, BODY, ""),
    "/to-path": (b"HTTP/1.1 301 Moved\r\nLocation: /length#here\r\n\r\n", "tls", 0, BODY, ""),
    "/to-http": (b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\n\r\n", "tls", 8, b"", "not an https"),
    "/to-file": (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n", "tls", 8, b"", "not an https"),
    "/to-itself": (b"HTTP/1.1 308 Permanent\r\nLocation: /to-itself\r\n\r\n", "tls", 8, b"", "more than 5"),
    "/to-split": (b"HTTP/1.1 302 Found\r\nLocation: /x y\r\n\r\n", "tls", 9, None, "404"),
    "/silent": (None, "wait", 7, b"", "timed out"),
    "/drip": (OK + b"Content-Length: 100\r\n\r\nsome", "wait", 7, b"some", "timed out"),
}
requests = []


class https_peer:
    """A server that answers as the table says. Python's, and so OpenSSL's."""

    def __init__(self, pki, certificate):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pki / f"{certificate}-chain.pem", pki / f"{certificate}.key")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.done = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection = self.listener.accept()[0]
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        try:
            stream = self.context.wrap_socket(connection, server_side=True)
            request = b""
            while b"\r\n\r\n" not in request:
                more = stream.recv(4096)
                if not more:
                    return
                request += more
            requests.append(request)
            path = request.split(b" ")[1].decode()
            not_found = (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "tls")
            text, end = ANSWERS.get(path, not_found)[:2]
            if text:
                stream.sendall(text)
            if end == "wait":
                self.done.wait(20)
            elif end == "tls":
                stream.settimeout(2)
                stream.unwrap()
            else: # the end of the stream without a close_notify, and without a reset
                raw = socket.socket(fileno=stream.detach())
                raw.shutdown(socket.SHUT_WR)
                raw.settimeout(2)
                while raw.recv(4096):
                    pass
        except OSError:
            pass
        finally:
            connection.close()


def get(engine, *words, **more):
    done = subprocess.run(
        [programs / "https_get", "--engine", engine, *map(str, words)],
        capture_output=True, timeout=60, **more,
    )
    return done.returncode, done.stdout, done.stderr.decode()


def is_one_line(text):
    return text.count("\n") == 1 and text.startswith("https_get: ")


def check_https_get(engine, pki, folder):
    peer = https_peer(pki, "good")
    root = pki / "root.pem"
    base = f"https://127.0.0.1:{peer.port}"

    def case(what, answer, code, body, words):
        status, out, err = answer
        good = status == code and (body is None or out == body) and words in err
        good = good and (not err if code == 0 else is_one_line(err))
        expect(f"{engine}: https_get {what}", good, status, out[:200], err)

    for path, (_, end, code, body, words) in ANSWERS.items():
        timeout = ["--timeout", 1] if end == "wait" else []
        case(path, get(engine, "--ca", root, *timeout, base + path), code, body, words)
    case("an escaped path", get(engine, "--ca", root, base + "/a b\r\nX: y?c=ü#d"), 9, b"", "404")
    expect(f"{engine}: https_get sends one clean request",
           requests[-1].startswith(b"GET /a%20b%0D%0AX:%20y?c=%C3%BC HTTP/1.1\r\nHost: 127.0.0.1:"),
           requests[-1])
    # a peer of another name, and nobody's
    case("another name", get(engine, "--ca", root, "--timeout", 2, f"https://127.0.0.2:{peer.port}/"),
         4, b"", "Connection refused")
    case("an untrusted peer", get(engine, "--ca", pki / "other-root.pem", base + "/length"), 6, b"",
         "verify code 20")
    expired = https_peer(pki, "expired")
    case("an expired peer", get(engine, "--ca", root, f"https://127.0.0.1:{expired.port}/length"), 6,
         b"", "certificate has expired (verify code 10")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    case("nobody there", get(engine, "--ca", root, f"https://127.0.0.1:{free}/"), 4, b"", "refused")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        case("a mute peer", get(engine, "--ca", root, "--timeout", 1,
                                f"https://127.0.0.1:{mute.getsockname()[1]}/"), 5, b"", "timed out")
    case("no such anchors", get(engine, "--ca", folder / "none.pem", base), 3, b"", "none.pem")
    case("no output", get(engine, "--ca", root, "-o", folder / "none" / "x", base + "/length"), 10, b"",
         "No such file")
    if os.path.exists("/dev/full"):
        case("a full disk", get(engine, "--ca", root, "-o", "/dev/full", base + "/length"), 10, b"",
             "No space")
    for wrong in ["http://localhost/", "localhost", "https://", "https://u:p@localhost/", "https://h:0/",
                  "https://h:65536/", "https://[::1/", "https://[name]/", "https://a b/"]:
        case(f"'{wrong}'", get(engine, wrong), 2, b"", "")
    case("an unknown engine", get("nss", base), 2, b"", "openssl")
    case("an unknown option", get(engine, "--wrong", base), 2, b"", "--wrong")
    case("a missing value", get(engine, base, "-o"), 2, b"", "-o needs a value")

    kept = folder / "kept"
    kept.write_bytes(b"kept")
    get(engine, "--ca", pki / "other-root.pem", "-o", kept, base + "/length")
    expect(f"{engine}: https_get leaves a file alone if there is nothing to put into it",
           kept.read_bytes() == b"kept")
    status, out, err = get(engine, "--ca", root, "-o", kept, "-v", base + "/length")
    expect(f"{engine}: https_get -o", status == 0 and out == b"" and kept.read_bytes() == BODY, status, err)
    expect(f"{engine}: https_get -v",
           all(words in err for words in ["TLSv1.3, TLS_", "CN=good", "DNS localhost", "IP 127.0.0.1",
                                          "2049-01-01", "issuer", "certificate 1", "< HTTP/1.1 200 OK"]), err)
    peer.done.set()


# ---- https_server --------------------------------------------------------------------------------


class https_server:
    def __init__(self, engine, *words):
        self.process = subprocess.Popen(
            [programs / "https_server", "--engine", engine, *map(str, words)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.port = int(self.process.stdout.readline().split("port ")[1].split(",")[0])

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        said = self.process.communicate(timeout=30)
        return self.process.returncode, said[0], said[1]


def ask(port, pki, text, client=None):
    """The answer to these bytes; None if there is no connection, or none that lasts."""
    context = ssl.create_default_context(cafile=pki / "root.pem")
    if client:
        context.load_cert_chain(pki / f"{client}-chain.pem", pki / f"{client}.key")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as stream:
                stream.sendall(text)
                answer = b""
                while more := stream.recv(65536): # an end without close_notify is an error here
                    answer += more
                return answer
    except OSError:
        return None


def check_https_server(engine, pki, folder):
    root = folder / f"root-{engine}"
    root.mkdir()
    (folder / "secret").write_text("secret")
    (root / "a b.txt").write_bytes(BODY)
    (root / "index.html").write_text("<p>index")
    (root / "out").symlink_to("../secret")
    (root / "up").symlink_to("..")
    (root / "sub").mkdir()
    chain = ["--cert", pki / "good-chain.pem", "--key", pki / "good.key"]
    server = https_server(engine, "--port", 0, *chain, "--root", root)

    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
    silent[0].sendall(b"\x16\x03\x01\x02\x00")

    def case(what, request, status, body):
        answer = ask(server.port, pki, request) or b""
        head, _, rest = answer.partition(b"\r\n\r\n")
        good = head.startswith(b"HTTP/1.1 %d " % status) and (body is None or rest == body)
        expect(f"{engine}: https_server {what}", good, answer[:200])

    begin = time.monotonic()
    case("a file", b"GET /a%20b.txt?x=y HTTP/1.1\r\n\r\n", 200, BODY)
    expect(f"{engine}: https_server is not held up by silent peers", time.monotonic() - begin < 5)
    case("a folder", b"GET / HTTP/1.1\r\n\r\n", 200, b"<p>index")
    case("HEAD", b"HEAD /a%20b.txt HTTP/1.1\r\n\r\n", 200, b"")
    case("POST", b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405, None)
    for path in [b"/none", b"/sub", b"/../secret", b"/%2e%2e/secret", b"//../secret", b"/out", b"/up/secret",
                 b"/sub/../../secret", b"//etc/passwd", b"/a%20b.txt/"]:
        case(f"not {path.decode()}", b"GET " + path + b" HTTP/1.1\r\n\r\n", 404, b"404 Not Found\n")
    for wrong in [b"GET\r\n\r\n", b"GET /\r\n\r\n", b"GET x HTTP/1.1\r\n\r\n", b"GET /%zz HTTP/1.1\r\n\r\n",
                  b"GET /%00 HTTP/1.1\r\n\r\n", b"\x1b[31m\r\n\r\n", b"GET /%4 HTTP/1.1\r\n\r\n"]:
        case(f"not {wrong!r}", wrong, 400, None)
    expect(f"{engine}: https_server drops a request without end",
           not ask(server.port, pki, b"GET / HTTP/1.1\r\nX: " + b"x" * 20000))
    with socket.create_connection(("127.0.0.1", server.port)) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.settimeout(10)
        try:
            answer = plain.recv(100)
        except OSError:
            answer = b""
        expect(f"{engine}: https_server says nothing to plain HTTP", b"HTTP" not in answer, answer)
    code, out, err = server.end()
    expect(f"{engine}: https_server ends on SIGTERM", code == 0 and out.endswith("stopping\n"), code, err)
    expect(f"{engine}: https_server's log",
           '"GET /a%20b.txt?x=y HTTP/1.1" 200 76800' in out and "handshake failed" in out and
           "\x1b" not in out, out)
    for connection in silent:
        connection.close()

    for mode, nobody in [([], False), (["--optional"], True)]:
        server = https_server(engine, "--port", 0, *chain, "--client-ca", pki / "root.pem", *mode)
        what = f"{engine}: https_server --client-ca {' '.join(mode)}".rstrip()
        request = b"GET / HTTP/1.1\r\n\r\n"
        known = ask(server.port, pki, request, "client") or b""
        expect(f"{what}, a good client", b"You are CN=client," in known, known)
        expect(f"{what}, no certificate", bool(ask(server.port, pki, request)) == nobody)
        for bad in ["client-expired", "client-untrusted", "client-wrong-purpose"]:
            expect(f"{what}, {bad}", not ask(server.port, pki, request, bad))
        code, out, err = server.end(signal.SIGINT)
        expect(f"{what}, its log", code == 0 and out.count("handshake failed") == (3 if nobody else 4) and
               all(f"(verify code {n})" in out for n in (10, 19, 26)), code, out, err)

    def refuse(what, code, words, *arguments):
        done = subprocess.run([programs / "https_server", "--engine", engine, *map(str, arguments)],
                              capture_output=True, text=True, timeout=30)
        expect(f"{engine}: https_server {what}", done.returncode == code and words in done.stderr and
               done.stderr.count("\n") == 1, done)

    refuse("without a certificate", 2, "--cert")
    refuse("no such certificate", 1, "none.pem", "--cert", folder / "none.pem")
    refuse("another's key", 1, "does not belong", "--cert", pki / "good.pem", "--key", pki / "rsa.key")
    refuse("no such root", 1, "none", *chain, "--port", 0, "--root", folder / "none")
    refuse("a bad port", 2, "--port", *chain, "--port", 65536)
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as taken:
        refuse("a taken port", 1, "in use", *chain, "--port", taken.getsockname()[1])


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    subprocess.run(["sh", pki_script, folder / "pki"], check=True)
    for engine in ["openssl", "mbedtls"]:
        check_https_get(engine, folder / "pki", folder)
        check_https_server(engine, folder / "pki", folder)
print(f"{failures} failed")
sys.exit(1 if failures else 0)

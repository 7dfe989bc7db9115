#!/usr/bin/env python3
# SPDX-License-Identifier: BSL-1.0
"""The PROXY protocol example beside curl, HAProxy, and clients that send what they like.

    proxy.py FOLDER_OF_PROGRAMS PKI
"""
import socket
import ssl
import struct
import subprocess
import time

import tools
from tools import ENGINES, Folder, Served, check, pki

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_2(command, family, body):
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


IPV4 = socket.inet_aton("192.0.2.1") + socket.inet_aton("192.0.2.9") + struct.pack(">HH", 51000, 443)
IPV6 = (socket.inet_pton(socket.AF_INET6, "2001:db8::1")
        + socket.inet_pton(socket.AF_INET6, "2001:db8::9") + struct.pack(">HH", 51000, 443))
GOOD = [
    (b"PROXY TCP4 192.0.2.1 192.0.2.9 51000 443\r\n", "192.0.2.1"),
    (b"PROXY TCP6 2001:db8::1 2001:db8::9 51000 443\r\n", "2001:db8::1"),
    (b"PROXY UNKNOWN\r\n", ""),
    (b"PROXY UNKNOWN " + b"f" * 91 + b"\r\n", ""),  # 107 bytes, the most
    (version_2(0x21, 0x11, IPV4), "192.0.2.1"),
    (version_2(0x21, 0x21, IPV6), "2001:db8::1"),
    (version_2(0x21, 0x11, IPV4 + b"\x03\0\x04abcd" * 250), "192.0.2.1"),  # more behind the addresses
    (version_2(0x20, 0, b""), ""),
]
BAD = [
    ("no header", b""),
    ("another protocol", b"GET / HTTP/1.0\r\n\r\n"),
    ("an overlong header", b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n"),
    ("a header without an end", b"PROXY " + b"f" * 5000),
    ("no address", b"PROXY TCP4\r\n"),
    ("no such address", b"PROXY TCP4 192.0.2.256 192.0.2.9 51000 443\r\n"),
    ("an address of the other kind", b"PROXY TCP6 192.0.2.1 192.0.2.9 51000 443\r\n"),
    ("no such protocol", b"PROXY UDP4 192.0.2.1 192.0.2.9 51000 443\r\n"),
    ("a broken signature", SIGNATURE[:-1] + b"X" + version_2(0x21, 0x11, IPV4)[12:]),
    ("no such command", version_2(0x22, 0x11, IPV4)),
    ("another version", version_2(0x31, 0x11, IPV4)),
    ("too short for its addresses", version_2(0x21, 0x21, IPV4)),
    ("an overlong header, version 2", version_2(0x21, 0x11, IPV4 + bytes(60000))),
]


def greeted(port, header, cut=None):
    """What the server says to a client whose header and first TLS bytes are one segment, or two."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = tools.trusting().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", port), tools.PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def step(operation):
            while True:
                try:
                    return operation()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    got = connection.recv(65536)
                    incoming.write(got) if got else incoming.write_eof()

        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        first = header + outgoing.read()
        if cut:
            connection.sendall(first[:cut])
            time.sleep(0.001)  # so that it leaves, and mostly arrives, by itself
        connection.sendall(first[cut or 0:])
        step(tls.do_handshake)
        text = b""
        while part := step(lambda: tls.read(4096)):
            text += part
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        connection.sendall(outgoing.read())
        return text.decode()


for engine in ENGINES:
    name = "proxy_protocol" + engine
    with Served(name, 0, pki / "good-chain.pem", pki / "good.key", 1000) as server:
        for header, client in GOOD:
            said = greeted(server.port, header)
            check(f"{name}: {header[:20]!r}", said == f"hello, {client}\n", said)

        wrong = []
        for header, client in GOOD[0], GOOD[4]:
            for cut in range(1, len(header) + 16):
                if (said := greeted(server.port, header, cut)) != f"hello, {client}\n":
                    wrong.append((cut, said))
        check(f"{name}: the header may be cut anywhere", not wrong, wrong)

        before = server.complained()
        check(f"{name}: nobody was refused", before == "", before)
        hello = b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"
        for count, (what, header) in enumerate(BAD, 1):
            with socket.create_connection(("127.0.0.1", server.port), tools.PATIENCE) as connection:
                try:
                    connection.sendall(header + hello)
                    got = connection.recv(100)
                except ConnectionError:  # it had not read all that we sent
                    got = b""
            check(f"{name}: {what} is refused, without an answer",
                  got == b"" and server.complains("malformed PROXY header", count), got,
                  server.complained())
        said = greeted(server.port, *GOOD[0][:1])
        check(f"{name}: and the next is served", said == "hello, 192.0.2.1\n", said)

        # localhost may be ::1 first
        curl = ["curl", "--silent", "--show-error", "--ipv4", "--http0.9",
                "--cacert", pki / "root.pem", "--max-time", str(tools.PATIENCE)]

        def curls(what, *words):
            done = subprocess.run(curl + list(words), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
            check(f"{name}: {what}", done.returncode == 0 and done.stdout == "hello, 127.0.0.1\n",
                  done.returncode, done.stdout, server.complained())

        curls("curl", "--haproxy-protocol", f"https://localhost:{server.port}/")
        haproxy = tools.find("haproxy")
        with Folder() as folder:
            for option in ("send-proxy", "send-proxy-v2") if haproxy else ():
                port = tools.free_port()
                config = folder.write("haproxy.cfg", f"""
defaults
    mode tcp
    timeout connect {tools.PATIENCE}s
    timeout client {tools.PATIENCE}s
    timeout server {tools.PATIENCE}s
listen balancer
    bind 127.0.0.1:{port}
    server ours 127.0.0.1:{server.port} {option}
""")
                # -db: in the foreground
                with tools.running(folder.start(haproxy, "-db", "-f", config)) as balancer:
                    # which makes a connection, and so ours complains that it has gone
                    check("HAProxy starts", tools.listens(port, balancer), folder.log())
                    curls(f"curl through HAProxy, {option}", f"https://localhost:{port}/")

tools.finish(None if haproxy else "HAProxy is not installed: only curl has sent a PROXY header")

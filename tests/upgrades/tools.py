# SPDX-License-Identifier: BSL-1.0
"""What the tests of the upgrade examples share: checks, servers that are run, servers that are not
what they should be."""
import contextlib
import os
import pathlib
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 60  # seconds, for what should take one; sanitizers and a busy machine take their time
ENGINES = ("", "_mbedtls")  # what the examples' names end with
programs = pathlib.Path(sys.argv[1])
pki = pathlib.Path(sys.argv[2])
failures = []


def check(what, good, *details):
    # standard output is for the reason why something was left out, which tools/summary.py shows
    print("ok    " if good else "FAILED", what, file=sys.stderr, flush=True)
    if not good:
        failures.append(what)
        print(*details, sep="\n", file=sys.stderr)


def run(name, *words):
    """The exit status of one of our programs, and what it has printed."""
    done = subprocess.run([str(programs / name), *map(str, words)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout


def find(name, *folders):
    """Where a program is; nothing if it is not installed."""
    return shutil.which(name, path=os.pathsep.join(
        [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *map(str, folders)]))


def finish(skipped=None):
    """Ends the test; `skipped` says what could not be done and why."""
    if failures:
        sys.exit(1)
    if skipped:
        print(skipped)
        sys.exit(77)
    sys.exit(0)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def listens(port, process):
    """Waits until somebody listens there; false if the program that should has ended."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 5).close()
            return True
        except OSError:
            time.sleep(0.02)
    return False


class Folder:
    """A temporary folder with the server's certificate and key, of an ordinary user: some servers
    do not run as root."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tlsxx-")
        self.path = pathlib.Path(self._folder.name)
        self.account = pwd.getpwuid(os.geteuid())
        self.drop = {}
        if os.geteuid() == 0:
            self.account = pwd.getpwnam("nobody")
            self.drop = {"user": self.account.pw_uid, "group": self.account.pw_gid,
                         "extra_groups": []}
            os.chown(self.path, self.account.pw_uid, self.account.pw_gid)
        for name in ("good-chain.pem", "good.key"):
            text = (pki / name).read_bytes()
            self.write(name, text, 0o600)
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def write(self, name, content, mode=0o644):
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        if self.drop:
            os.chown(path, self.account.pw_uid, self.account.pw_gid)
        return path

    def start(self, *words):
        """A program as that user; its output goes to the file `log`."""
        with open(self.path / "log", "ab") as log:
            return subprocess.Popen([str(word) for word in words], cwd=self.path, stdout=log,
                                    stderr=log, stdin=subprocess.DEVNULL, **self.drop)

    def log(self):
        return (self.path / "log").read_text(errors="replace")

    def logs(self, text, process, times=1):
        """Waits until that has been logged so often; false if the program ends before."""
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until:
            if self.log().count(text) >= times:
                return True
            time.sleep(0.02)
        return False


@contextlib.contextmanager
def running(process):
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class FakeServer:
    """Listens in a thread, and does `talk(connection)` with each who comes."""

    def __init__(self, talk):
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._talk = talk
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(PATIENCE)
                with contextlib.suppress(OSError):
                    self._talk(connection)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(PATIENCE)


class Served:
    """One of our servers: the port that it says it has, and what it says beside."""

    def __init__(self, name, *words):
        self._errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(programs / name), *map(str, words)], text=True,
                                        stdout=subprocess.PIPE, stderr=self._errors)
        self.port = int((self.process.stdout.readline() or "port 0").split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()
        self._errors.close()

    def said(self):
        """The next line of its output."""
        return self.process.stdout.readline().strip()

    def complained(self):
        """All of its error output so far."""
        self._errors.seek(0)
        return self._errors.read()

    def complains(self, text, times=1):
        """Waits until it has said that so often."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            if self.complained().count(text) >= times:
                return True
            time.sleep(0.01)
        return self.complained().count(text) >= times


def trusting(anchors="root.pem", identity=None):
    """A context of Python's for a client."""
    context = ssl.create_default_context(cafile=pki / anchors)
    if identity:
        context.load_cert_chain(pki / f"{identity}-chain.pem", pki / f"{identity}.key")
    return context

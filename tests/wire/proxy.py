"""The one address the functions know: every AWS call goes through here.

The proxy sends each call to the emulator that plays its service, writes down
what was asked and when, and can fail a chosen call in a chosen way. So a test
can say "exactly one RebootInstances", "two round trips before the command" or
"the reboot happened but its answer was lost", and mean what crossed the wire.

A call that AWS's own model of the operation does not understand (tests/emulators/
models.py) never gets to an emulator, and fails the test in which it was made.

Sleeping has one use here: `latency`, the network's delay. Calls that a function
issues together only overlap in the record if each takes some time.
"""

import contextlib
import http.client
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import models
import protocols

READS = ("Describe", "Get", "List", "Query", "Scan", "BatchGet", "TransactGet")

# What a test may do to a call.
THROTTLED = "throttled"
BROKEN = "broken"
DENIED = "denied"
ANSWER_LOST = "answer lost"  # the call happens, then the connection breaks
ANSWER_HELD = "answer held"  # the call happens, the answer waits for a release
CONFLICT = "conflict"  # another transaction is at work on the row; DynamoDB only
EMPTY_PAGE = "empty page"  # nothing yet, and a token for more; Systems Manager's lists only
INCONCLUSIVE = "inconclusive"  # the call ends well and its one query does not; GetMetricData only
AS_RECORDED = "as recorded"  # what AWS once answered: recorded.py
CALL_HELD = "call held"  # the call waits for a release, and then never happens

_REFUSALS = {
    THROTTLED: protocols.throttled,
    BROKEN: protocols.broken,
    DENIED: protocols.denied,
}

# Answers that are of one operation only.
_SPECIAL = {
    CONFLICT: protocols.conflict,
    EMPTY_PAGE: protocols.empty_page,
    INCONCLUSIVE: protocols.inconclusive,
}


@dataclass
class Call:
    """One request that crossed the wire."""

    caller: str
    service: str
    operation: str
    body: str
    started: float
    ended: float = float("inf")
    status: int = 0
    fault: str = ""
    answer: str = ""

    @property
    def name(self):
        return f"{self.service}:{self.operation}"

    @property
    def reads_only(self):
        return self.operation.startswith(READS)

    def __str__(self):
        fault = f" [{self.fault}]" if self.fault else ""
        return f"{self.name} -> {self.status}{fault}"


@dataclass
class Fault:
    """One way for calls of one operation to fail. "*" stands for the whole
    service, or for all services; `after` calls go well before the first fails."""

    service: str
    operation: str
    how: str
    times: int = 1_000_000
    after: int = 0
    recording: tuple = ()
    passed: int = 0
    hits: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def takes(self, call):
        if self.service not in ("*", call.service) or self.operation not in ("*", call.operation):
            return False
        if self.passed < self.after:
            self.passed += 1
            return False
        return self.hits < self.times


def layers(calls):
    """Each call with its place in the longest chain of calls that ends in it.

    A call that began after another had ended may have waited for it, so it
    stands one layer higher; calls that overlap share a layer.
    """
    placed = []
    for call in sorted(calls, key=lambda call: call.started):
        before = [layer for earlier, layer in placed if earlier.ended <= call.started]
        placed.append((call, 1 + max(before, default=0)))
    return placed


class Proxy:
    """The listening side, the record, and the faults in force."""

    def __init__(self, emulators):
        """`emulators` maps a service's signing name to a loopback port."""
        self.emulators = emulators
        self.latency = 0.0
        self.calls = []
        self.misunderstood = []  # what AWS's models do not know or allow, as sentences
        self.faults = []
        self.lock = threading.Lock()
        self.server = Listener(("127.0.0.1", 0), Requests)
        self.server.proxy = self
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def calls_of(self, caller, since=0.0):
        """What one access key asked for since a moment, in order of asking."""
        with self.lock:
            found = [c for c in self.calls if c.caller == caller and c.started >= since]
        return sorted(found, key=lambda call: call.started)

    @contextlib.contextmanager
    def fault(self, service, operation, how, times=1_000_000, after=0, recording=()):
        """Fails the named calls while the block runs."""
        fault = Fault(service, operation, how, times, after, recording)
        with self.lock:
            self.faults.append(fault)
        try:
            yield fault
        finally:
            fault.released.set()
            with self.lock:
                self.faults.remove(fault)

    @contextlib.contextmanager
    def delayed(self, seconds):
        """Gives every call the network's delay, so that parallel ones overlap."""
        self.latency = seconds
        try:
            yield
        finally:
            self.latency = 0.0

    def understands(self, call, method, path, headers, body):
        """Whether AWS's model of the operation does; what it does not is written down."""
        found = models.problems(call.service, call.operation, method, path, headers, body)
        with self.lock:
            self.misunderstood += found
        return not found

    def open(self, call):
        """Writes a call down and says which fault, if any, it runs into."""
        with self.lock:
            self.calls.append(call)
            for fault in self.faults:
                if fault.takes(call):
                    fault.hits += 1
                    call.fault = fault.how
                    return fault
        return None

    def forward(self, call, method, path, headers, body):
        """Asks the emulator that plays the call's service."""
        port = self.emulators.get(call.service)
        if port is None:
            return 501, {}, f"nothing here plays {call.service}".encode()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
            return answer.status, kept, answer.read()
        finally:
            connection.close()


_HOP_BY_HOP = ("connection", "content-length", "transfer-encoding", "keep-alive", "date", "server")


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body leave in two writes; without this each answer would wait
    # 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def do_PUT(self):
        """S3's way: the object in the path, and the signature with it."""
        self.do_POST()

    def do_GET(self):
        """Lambda's way to read."""
        self.do_POST()

    def do_POST(self):
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        caller, service = protocols.signed_by(self.headers, self.path)
        service = protocols.name_of(service or "?")
        operation = protocols.operation_of(self.path, self.headers, body)
        if service == "s3":
            operation = {"PUT": "PutObject"}.get(self.command, "?")
        elif service == "lambda":
            operation = models.addressed(service, self.command, self.path) or "?"
        text = body.decode("utf-8", "replace")
        call = Call(caller or "?", service, operation, text, time.monotonic())
        if not proxy.understands(call, self.command, self.path, self.headers, body):
            call.fault, call.ended = "not understood", time.monotonic()
            self._send(protocols.not_understood(service))
            return
        fault = proxy.open(call)
        if proxy.latency:
            time.sleep(proxy.latency)
        answer = self._answer(proxy, call, fault, body)
        call.ended = time.monotonic()
        if answer is None:
            self.close_connection = True
        else:
            self._send(answer)

    def _answer(self, proxy, call, fault, body):
        """What to say, or None to break the connection instead."""
        if fault and fault.how == CALL_HELD:
            fault.reached.set()
            fault.released.wait(60)
            return None
        if fault and fault.how in _REFUSALS:
            status, headers, answer = _REFUSALS[fault.how](call.service)
        elif fault and fault.how == AS_RECORDED:
            status, headers, answer = fault.recording
        elif fault and fault.how in _SPECIAL:
            status, headers, answer = _SPECIAL[fault.how](call.operation)
        else:
            try:
                status, headers, answer = proxy.forward(
                    call, self.command, self.path, self._headers(), body
                )
            except OSError as error:
                status, headers, answer = 502, {}, f"the emulator is gone: {error}".encode()
        call.status, call.answer = status, answer.decode("utf-8", "replace")
        if fault:
            fault.reached.set()
            if fault.how == ANSWER_HELD:
                fault.released.wait(60)
            if fault.how == ANSWER_LOST:
                return None
        return status, headers, answer

    def _headers(self):
        # The emulators answer in one piece and uncompressed, which is easier
        # to read in a record than what they would choose themselves.
        dropped = ("connection", "accept-encoding", "content-length")
        return {k: v for k, v in self.headers.items() if k.lower() not in dropped}

    def _send(self, answer):
        status, headers, body = answer
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the function died while it waited

    def log_message(self, format, *arguments):
        """Silent: the record says more than an access log would."""

"""A compiled function, run as Lambda runs it.

`RuntimeApi` is Lambda's side of the Runtime API: the process asks for the next
invocation, and posts its answer or its error. `Function` starts the binary with
the environment Lambda would give it and nothing else, hands it the bytes of an
event, and returns an `Answer` with what it said and what it asked of AWS.

A binary is found in $REMEDY_BIN_DIR under the name of its symptom, or `follow-up`. Each process
signs with an access key of its own, which is how the proxy's record tells two
processes of one function apart.
"""

import itertools
import json
import os
import queue
import subprocess
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from proxy import layers
from region import ACCOUNT, REGION

START_SECONDS = 60
# What the template gives a function, on a machine that may be compiling.
TIMEOUT_SECONDS = 60
_numbers = itertools.count(1)


class MissingBinary(Exception):
    """The functions have not been built."""


class InitFailed(Exception):
    """The process reported an error, or ended, before it took an invocation."""


class Died(Exception):
    """The process ended, or said nothing, while it owed an answer."""


def binary(symptom):
    """The compiled function for a symptom. A missing one is a failure: a suite
    that skips itself would be green without having tested anything."""
    directory = os.environ.get("REMEDY_BIN_DIR")
    if not directory:
        raise MissingBinary("REMEDY_BIN_DIR is not set: run `make functions` first")
    path = Path(directory) / symptom
    if not path.is_file():
        raise MissingBinary(f"{path} is missing: run `make functions` first")
    return path


class Invocation:
    """One event on its way through a function."""

    def __init__(self, payload):
        self.id = str(uuid.uuid4())
        self.payload = payload
        self.deadline = time.time() + TIMEOUT_SECONDS
        self.answered = threading.Event()
        self.failed = False
        self.body = None

    def answer(self, body, failed):
        self.body, self.failed = body, failed
        self.answered.set()


class RuntimeApi:
    """Lambda's Runtime API for one process."""

    def __init__(self, symptom):
        self.symptom = symptom
        self.waiting = queue.Queue()
        self.ready = threading.Event()
        self.open = {}
        self.init_error = None
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.api = self
        serve = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        serve.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_port}"

    def invoke(self, payload):
        invocation = Invocation(payload)
        self.open[invocation.id] = invocation
        self.waiting.put(invocation)
        return invocation

    def stop(self):
        self.waiting.put(None)
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        if not self.path.endswith("/runtime/invocation/next"):
            return self._send(404, b"")
        api = self.server.api
        api.ready.set()
        invocation = api.waiting.get()
        if invocation is None:
            self.close_connection = True
            return None
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{api.symptom}"
        trace = f"Root=1-{int(time.time()):08x}-{invocation.id.replace('-', '')[:24]};Sampled=0"
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": function,
            "Lambda-Runtime-Trace-Id": trace,
            "Content-Type": "application/json",
        }
        return self._send(200, invocation.payload, headers)

    def do_POST(self):
        body = self._body()
        api = self.server.api
        self._send(202, b'{"status":"OK"}')
        if self.path.endswith("/runtime/init/error"):
            api.init_error = body
        else:
            invocation_id, verb = self.path.rsplit("/", 2)[-2:]
            api.open.pop(invocation_id).answer(body, failed=verb == "error")

    def _body(self):
        """A response may be streamed in chunks, which http.server leaves to us."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        """Silent: what matters is in the answers."""


class Answer:
    """What one invocation came to: its answer, and its calls to AWS."""

    def __init__(self, request_id, body, failed, calls):
        self.request_id = request_id
        self.body = json.loads(body)
        self.failed = failed
        self.calls = calls

    @property
    def error_type(self):
        assert self.failed, f"the invocation succeeded: {self.body}"
        return self.body["errorType"]

    @property
    def error_message(self):
        assert self.failed, f"the invocation succeeded: {self.body}"
        return self.body["errorMessage"]

    @property
    def reports(self):
        assert not self.failed, f"the invocation failed: {self.body}"
        return self.body["reports"]

    @property
    def ignored(self):
        assert not self.failed, f"the invocation failed: {self.body}"
        return self.body["ignored"]

    @property
    def report(self):
        """The one report, when an event names one instance."""
        assert len(self.reports) == 1, self.body
        return self.reports[0]

    def because(self):
        """The reasons, as the one text a person would read."""
        return "; ".join(f"{r['code']}: {r['text']}" for r in self.report["because"])

    def named(self, *names):
        """The calls of the given operations, "service:Operation"."""
        return [call for call in self.calls if call.name in names]

    @property
    def changes(self):
        """The calls that change something, the ledger's and the topic's too."""
        return [call for call in self.calls if not call.reads_only]

    @property
    def actions(self):
        """The calls that touch somebody's instance or group."""
        return [c for c in self.changes if c.service not in ("dynamodb", "s3", "sns")]

    @property
    def round_trips(self):
        return max((layer for _, layer in layers(self.calls)), default=0)

    def layer_of(self, name):
        """How many round trips it took until the named call was sent."""
        return next(layer for call, layer in layers(self.calls) if call.name == name)

    def story(self):
        return "\n".join(f"  {layer} {call}" for call, layer in layers(self.calls))


class Function:
    """One running process of a compiled function."""

    def __init__(self, symptom, environment, proxy, directory):
        self.symptom = symptom
        self.proxy = proxy
        number = next(_numbers)
        self.key = environment.get("AWS_ACCESS_KEY_ID", f"AKIAREMEDY{number:010d}")
        self.log = directory / f"{symptom}-{number}.log"
        self.api = RuntimeApi(symptom)
        self.command = [str(binary(symptom))]
        self.environment = self._lambda_environment() | environment
        self.process = None

    def _lambda_environment(self):
        return {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "AWS_LAMBDA_FUNCTION_NAME": self.symptom,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.symptom}",
            "AWS_LAMBDA_LOG_STREAM_NAME": self.key,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_SESSION_TOKEN": "none",
            "AWS_ENDPOINT_URL": self.proxy.url,
        }

    def start(self):
        """Runs the process until it asks for its first invocation."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.log.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.api.ready.wait(0.02):
            if self.process.poll() is not None:
                raise InitFailed(f"{self._init_error()}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise InitFailed(f"no invocation asked for in {START_SECONDS} s\n{self.tail()}")
        return self

    def _init_error(self):
        body = self.api.init_error
        return body.decode() if body else f"ended with {self.process.returncode}"

    def send(self, event):
        """Hands an event over without waiting for the answer."""
        payload = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self.api.invoke(payload), time.monotonic()

    def receive(self, sent):
        """Waits for the answer to what was sent."""
        invocation, since = sent
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not invocation.answered.wait(0.05):
            if self.process.poll() is not None:
                raise Died(f"{self.symptom} ended with {self.process.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise Died(f"{self.symptom} gave no answer\n{self.tail()}")
        calls = self.proxy.calls_of(self.key, since)
        return Answer(invocation.id, invocation.body, invocation.failed, calls)

    def invoke(self, event):
        """Hands an event (bytes, or something to be JSON) over, gives the answer."""
        return self.receive(self.send(event))

    def lines(self):
        """What it wrote so far, line by line, each of them JSON."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]

    def metrics(self):
        """What it counted so far: name, value of the dimension, value."""
        counted = []
        for line in (line for line in self.lines() if "_aws" in line):
            for directive in line["_aws"]["CloudWatchMetrics"]:
                ((dimension,),) = directive["Dimensions"]
                (metric,) = directive["Metrics"]
                counted.append((metric["Name"], line[dimension], line[metric["Name"]]))
        return counted

    def tail(self, lines=40):
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])

    def kill(self):
        """What a timeout or a failing host does to a function: no last words."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.api.stop()

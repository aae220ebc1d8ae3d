"""The evidence bucket, as hosts see it: by AWS's own name for it, over TLS.

MiniStack plays S3. It verifies the signature of a pre-signed URL as S3 does: the
signer's key and session, the time, and every header the URL says it covers. The
name in the URL leads to it through `curl --connect-to`, so that the URL a function
signed is used as it is, to the last character.
"""

import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from region import REGION

ROLE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def session(region, name):
    """Credentials of a role's session, as Lambda puts them into a function's environment."""
    role = region.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ROLE))
    given = region.sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="function")
    return {
        "AWS_ACCESS_KEY_ID": given["Credentials"]["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["Credentials"]["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["Credentials"]["SessionToken"],
    }


class Bucket:
    """One bucket, and TLS under its name on a loopback port."""

    def __init__(self, region, name):
        self.region, self.name = region, name
        self.host = f"{name}.s3.{REGION}.amazonaws.com"
        region.s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        # Whoever sends has no root's rights and has to get here, which nobody
        # else's folders of pytest let them.
        self.folder = tempfile.TemporaryDirectory()
        self.directory = Path(self.folder.name)
        self.directory.chmod(0o755)
        self.authority = self.directory / "authority.pem"
        key = self.directory / "key.pem"
        command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        subprocess.run(
            [*command.split(), "-subj", "/CN=bucket", "-addext", f"subjectAltName=DNS:{self.host}"]
            + ["-keyout", key, "-out", self.authority],
            check=True,
            capture_output=True,
        )
        self.authority.chmod(0o644)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(context,), daemon=True).start()

    def put(self, url, content):
        """Sends `content` the way evidence.sh does, as a nobody without credentials.
        Gives the HTTP status."""
        file = self.directory / "evidence.txt"
        file.write_bytes(content)
        file.chmod(0o644)
        sent = subprocess.run(
            ["curl", "--disable", "--silent", "--proto", "=https", "--max-time", "18"]
            + ["--output", "/dev/null", "--upload-file", str(file), "--config", "-"]
            + ["--write-out", "%{http_code}", "--cacert", str(self.authority)]
            + ["--connect-to", f"{self.host}:443:127.0.0.1:{self.port}"],
            input=f'url = "{url}"\n'.encode(),
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            user=65534 if os.geteuid() == 0 else None,
        )
        assert sent.returncode == 0, sent
        return int(sent.stdout)

    def get(self, uri):
        """What is kept under an s3:// address."""
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        assert bucket == self.name
        return self.region.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self):
        found = self.region.s3.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [item["Key"] for item in found]

    def stop(self):
        self.listener.close()
        self.folder.cleanup()

    def _serve(self, context):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return  # stopped
            threading.Thread(target=self._carry, args=(context, plain), daemon=True).start()

    def _carry(self, context, plain):
        """Takes TLS off one connection, and hands it to the emulator."""
        with context.wrap_socket(plain, server_side=True) as outside:
            port = int(self.region.s3.meta.endpoint_url.rsplit(":", 1)[1])
            with socket.create_connection(("127.0.0.1", port)) as inside:
                back = threading.Thread(target=_pipe, args=(inside, outside), daemon=True)
                back.start()
                _pipe(outside, inside)
                back.join()


def _pipe(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one side has hung up

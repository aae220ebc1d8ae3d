"""The services behind TLS, each at an address of its own, as in a real region.

What comes in goes to the proxy as ever; what a door counts beside it is how
often it was opened, and what was asked without a signature. The certificate is
one that nobody knows, so a function has to be told to believe it.
"""

import ipaddress
import ssl
import threading
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from proxy import Listener, Requests

# The services that are called, by their names in AWS_ENDPOINT_URL_<name>.
SERVICES = {
    "ec2": "EC2",
    "autoscaling": "AUTO_SCALING",
    "cloudwatch": "CLOUDWATCH",
    "dynamodb": "DYNAMODB",
    "sns": "SNS",
    "ssm": "SSM",
}


class Doors:
    """A door for every service, before one proxy."""

    def __init__(self, proxy, directory):
        self.roots = directory / "roots.pem"
        identity = directory / "door.pem"
        _make_certificates(self.roots, identity)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(identity)
        self.doors = {service: Door(proxy, context) for service in SERVICES}

    def environment(self):
        """What makes a function come here."""
        urls = {
            f"AWS_ENDPOINT_URL_{name}": f"https://localhost:{self.doors[service].server_port}"
            for service, name in SERVICES.items()
        }
        return urls | {"SSL_CERT_FILE": str(self.roots)}

    def opened(self):
        """How often each door was opened."""
        return {service: door.opened for service, door in self.doors.items() if door.opened}

    def unsigned(self):
        """What was asked without a signature, as (path, headers)."""
        return [asked for door in self.doors.values() for asked in door.unsigned]

    def stop(self):
        for door in self.doors.values():
            door.shutdown()
            door.server_close()


class Door(Listener):
    def __init__(self, proxy, context):
        super().__init__(("127.0.0.1", 0), _Guests)
        self.proxy, self.context = proxy, context
        self.opened, self.unsigned = 0, []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        # The handshake is left to the thread that reads.
        connection = self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return connection, address

    def handle_error(self, request, client_address):
        """A handshake that is broken off is the client's business."""


class _Guests(Requests):
    def setup(self):
        self.request.do_handshake()
        self.server.opened += 1
        super().setup()

    def do_GET(self):
        self.server.unsigned.append((self.path, dict(self.headers)))
        self._send((404, {"Content-Type": "text/plain"}, b"nothing here"))


def _make_certificates(roots, identity):
    now = datetime.now(timezone.utc)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of the tests")])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])

    def certificate(subject, public_key):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    root = certificate(authority, authority_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = certificate(name, key.public_key()).add_extension(
        x509.SubjectAlternativeName(names), critical=False
    )
    pem = serialization.Encoding.PEM
    roots.write_bytes(root.sign(authority_key, hashes.SHA256()).public_bytes(pem))
    identity.write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.sign(authority_key, hashes.SHA256()).public_bytes(pem)
    )

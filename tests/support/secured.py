"""A Kafka with TLS, SASL and ACLs on; made once a session, for the tests that ask for it."""

import datetime
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from streams.demo.broker import free_port
from streams.kafka.clients import connect
from streams.settings import Settings
from tests.support import brokers

PASSWORD: Final = "battery-staple"
KEY_PASSWORD: Final = "key-secret"
USERS: Final = (
    *("admin", "producer", "worker", "intake", "namer", "webhook", "users"),
    *("subscriber", "monitor", "nobody"),
)

# CLIENTS is what the commands use; whoever comes in by LOCAL is a super user.
PROPERTIES: Final = r"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=CLIENTS://127.0.0.1:{clients},MUTUAL://127.0.0.1:{mutual},LOCAL://127.0.0.1:{local},\
CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://localhost:{clients},MUTUAL://localhost:{mutual},\
LOCAL://127.0.0.1:{local}
listener.security.protocol.map=CLIENTS:SASL_SSL,MUTUAL:SSL,LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=LOCAL
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=false
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.clients.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required {plain_users};
listener.name.clients.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.clients.oauthbearer.sasl.jaas.config=\
org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
unsecuredLoginStringClaim_sub="broker";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.mutual.ssl.client.auth=required
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""

RIGHTS: Final = Path(__file__).parents[2] / "streams" / "kafka" / "README.md"


@dataclass(frozen=True)
class SecuredKafka:
    """Where it listens, and the files of its clients."""

    clients: str
    mutual: str
    local: str
    folder: Path

    @property
    def ca(self) -> str:
        return str(self.folder / "ca.pem")

    def settings(self, user: str, **changes: Any) -> Settings:
        """Settings of a client that comes in by SASL_SSL and SCRAM-SHA-512."""
        return Settings.load(
            **{
                "broker": self.clients,
                "broker_timeout": 10,
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_username": user,
                "sasl_password": PASSWORD,
                "ssl_ca": self.ca,
            }
            | changes
        )

    def grant(self, settings: Settings, left_out: str = "", *, seen: bool = False) -> None:
        """Give every user what the table of the README says, and nothing else.

        Args:
            settings: Prefix and group.
            left_out: A resource that nobody gets these rights to.
            seen: It may be seen all the same.
        """
        acls = [
            ACL(
                f"User:{who}",
                "*",
                ACLOperation[_capitals(operation)],
                ACLPermissionType.ALLOW,
                ResourcePattern(
                    ResourceType[kind.upper().replace(" ", "_")],
                    name.removesuffix("*"),
                    ACLResourcePatternType.PREFIXED
                    if name.endswith("*")
                    else ACLResourcePatternType.LITERAL,
                ),
            )
            for who, operations, kind, name in rights(settings)
            for operation in (["Describe"] * seen if name == left_out else operations)
        ]
        with connect(self.control(), KafkaAdminClient) as client:
            client.create_acls(acls)

    def control(self, **changes: Any) -> Settings:
        """Settings of the super user."""
        return Settings.load(broker=self.local, **changes)


def rights(settings: Settings) -> Iterator[tuple[str, list[str], str, str]]:
    """The table of the README: who, operations, kind of resource, its name."""
    row = re.compile(r"\| (\w+) \| `[\w ]+` \| ([\w, ]+) \| ([a-z ]+) `(\S+)` \|")
    for who, operations, kind, name in row.findall(RIGHTS.read_text()):
        name = name.replace("PREFIX", settings.topic_prefix).replace("GROUP", settings.group)
        name = name.replace("INPUT", settings.input_topics or "none")
        yield who, operations.split(", "), kind, name


def _capitals(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


@contextmanager
def serve(folder: Path) -> Iterator[SecuredKafka]:
    """Run it."""
    ports = {name: free_port() for name in ("clients", "mutual", "local", "controller")}
    make_certificates(folder)
    text = PROPERTIES.format(
        **ports, folder=folder, plain_users=" ".join(f'user_{user}="{PASSWORD}"' for user in USERS)
    )
    scram = [
        f"{mechanism}=[name={user},password={PASSWORD}]"
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for user in USERS
    ]
    options = [part for one in scram for part in ("--add-scram", one)]
    with brokers.Kafka(folder, text, ports["local"], options):
        yield SecuredKafka(
            f"localhost:{ports['clients']}",
            f"localhost:{ports['mutual']}",
            f"127.0.0.1:{ports['local']}",
            folder,
        )


def make_certificates(folder: Path) -> None:
    """An authority, another one, the server's and a client's certificate, all in PEM."""
    key, ca = _certificate("authority", None)
    (folder / "ca.pem").write_bytes(_pem(ca))
    (folder / "other-ca.pem").write_bytes(_pem(_certificate("another authority", None)[1]))
    server_key, server = _certificate("localhost", (key, ca), x509.DNSName("localhost"))
    (folder / "server.pem").write_bytes(_key(server_key) + _pem(server))
    client_key, client = _certificate("worker", (key, ca))
    (folder / "client.pem").write_bytes(_pem(client))
    (folder / "client.key").write_bytes(_key(client_key, KEY_PASSWORD))
    (folder / "other.key").write_bytes(_key(server_key))
    (folder / "client.p12").write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"client",
            client_key,
            client,
            [ca],
            serialization.BestAvailableEncryption(KEY_PASSWORD.encode()),
        )
    )


_Pair = tuple[ec.EllipticCurvePrivateKey, x509.Certificate]


def _certificate(name: str, by: _Pair | None, *names: x509.GeneralName) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[1].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(by[0] if by else key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key(key: ec.EllipticCurvePrivateKey, password: str | None = None) -> bytes:
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )

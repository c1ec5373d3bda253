"""A cluster that asks for TLS, a password and rights: all commands over it, and every refusal."""

import base64
import gzip
import json
import re
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from models.errors import BrokerError, SettingsError
from models.records import encode
from streams.demo.broker import free_port
from streams.demo.children import Child, environment
from streams.kafka import admin
from streams.settings import Settings
from streams.topics import Topics
from tests.support.intakes import IntakeProcess, arrived, catalogue, put, raw_topic
from tests.support.monitors import monitor
from tests.support.processes import start
from tests.support.published import publish_sample
from tests.support.receiver import SECRET, WebhookProcess
from tests.support.secured import KEY_PASSWORD, PASSWORD, SecuredKafka
from tests.support.users import UsersProcess, standing, wanted
from tests.support.workers import PATIENCE, WorkerProcess, activities, produce, until

PROPERTIES = """\
# as an administrator hands it out
bootstrap.servers = SASL_SSL://{broker}
security.protocol = SASL_SSL
sasl.mechanism = SCRAM-SHA-512
sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required \\
    username="{user}" \\
    password="{password}";
ssl.truststore.type = PEM
ssl.truststore.location = {ca}
"""


def own_names(**changes: Any) -> dict[str, Any]:
    """A prefix and a group that no other test has."""
    name = f"s{uuid.uuid4().hex[:12]}"
    return {"topic_prefix": f"{name}-", "group": name, "store": "memory"} | changes


def journeys(settings: Settings, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    return start(
        [sys.executable, "-P", "-m", "streams.cli", *arguments],
        env=environment(settings),
        stdin=options.pop("stdin", subprocess.DEVNULL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def output(command: subprocess.Popen[str]) -> str:
    out, errors = command.communicate(timeout=PATIENCE)
    assert command.returncode == 0, errors
    return out


def test_from_the_first_command_to_the_last_each_with_its_rights_and_no_more(
    secured_kafka: SecuredKafka, tmp_path: Path
) -> None:
    names = own_names()

    def user(name: str, **changes: Any) -> Settings:
        return secured_kafka.settings(name, **(names | changes))

    secured_kafka.grant(user("admin"))
    assert "created with 4 partitions" in output(journeys(user("admin"), "topics", "create"))
    sent = activities()
    file = tmp_path / "activities.jsonl.gz"
    file.write_bytes(gzip.compress(b"\n".join(map(encode, sent))))
    namer = Child("namer", user("namer", web_port=free_port()), tmp_path)
    with ExitStack() as stack:
        worker = WorkerProcess(user("worker"), tmp_path)
        stack.callback(worker.kill)
        stack.enter_context(namer)
        nowhere = f"https://127.0.0.1:{free_port()}/"
        hooked = user(
            "webhook", webhook_url=nowhere, webhook_secret=SECRET, webhook_retry_seconds=0.0
        )
        webhook = WebhookProcess(hooked, tmp_path)
        stack.callback(webhook.kill)
        webhook.wait_ready()
        assert f"sent {len(sent):,} activities" in output(
            journeys(user("producer"), "produce", str(file))
        )
        worker.wait_ready()
        until(namer.is_ready, "the namer is ready")
        with monitor(user("monitor"), tmp_path) as page:
            page.wait_ready()
            assert page.ask("vitals")["activities"]["records"] > 0
            until(lambda: page.ask("users"), "people are shown")
            assert "asked on" in output(journeys(user("admin"), "erase", "nobody"))
            until(lambda: worker.count("journeys_erased_users_total"), "the worker is told")
        # What a subscriber is given is a file in Kafka's own form, and nothing else.
        properties = tmp_path / "client.properties"
        properties.write_text(
            PROPERTIES.format(
                broker=secured_kafka.clients,
                user="subscriber",
                password=PASSWORD,
                ca=secured_kafka.ca,
            )
        )
        watch = start(
            [
                *(sys.executable, "-P", "-m", "streams.cli", "watch"),
                *("--from-beginning", "--json", "--max", "50"),
                *("--topic-prefix", names["topic_prefix"], "--client-properties", str(properties)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        watched = [json.loads(line) for line in output(watch).splitlines()]
        assert len({one["id"] for one in watched}) == 50
        until(lambda: worker.count("journeys_activities_total") == len(sent), "all is applied")
        until(lambda: worker.count("journeys_names_total") > 0, "names have come home")
        until(lambda: webhook.count("journeys_webhook_changes_total") > 0, "some are given up")
        namer.check()
        logs = worker.log.read_text() + namer.log.read_text() + webhook.log.read_text()
        assert PASSWORD not in logs
        assert worker.stop() == 0


@contextmanager
def token_server(user: str, **claims: Any) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A token endpoint, and what it was asked for; its tokens are not signed, for Kafka's own
    validator of such."""
    asked: list[dict[str, Any]] = []

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            scheme, _, secret = self.headers["Authorization"].partition(" ")
            asked.append(parse_qs(body) | {"auth": [scheme, base64.b64decode(secret).decode()]})
            now = int(time.time())
            right = asked[-1]["auth"][1] == f"{user}:{PASSWORD}"
            token = {"sub": user, "iat": now, "exp": now + 600} | claims
            answer = json.dumps(
                {"access_token": f"{part({'alg': 'none'})}.{part(token)}.", "expires_in": 600}
                if right
                else {"error": "invalid_client"}
            ).encode()
            self.send_response(200 if right else 401)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", asked
    finally:
        server.shutdown()
        server.server_close()


def oauth(kafka: SecuredKafka, user: str, url: str, **changes: Any) -> Settings:
    given = {
        "broker": kafka.clients,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "OAUTHBEARER",
        "ssl_ca": kafka.ca,
        "oauth_token_url": url,
        "oauth_client_id": user,
        "oauth_client_secret": PASSWORD,
        "oauth_scope": "kafka",
    }
    return Settings.load(**(given | changes))


def test_tokens_let_commands_and_services_in(secured_kafka: SecuredKafka, tmp_path: Path) -> None:
    names = own_names()
    with token_server("admin") as (url, asked):
        settings = oauth(secured_kafka, "admin", url, **names)
        secured_kafka.grant(settings)
        admin.create(settings)
        assert admin.partitions_of(settings, Topics.of(settings).changes) == (4,)
        assert len(asked) == 1, "a token is used again"
        assert asked[0]["grant_type"] == ["client_credentials"]
        assert asked[0]["scope"] == ["kafka"]
    with token_server("namer") as (url, asked):
        settings = oauth(secured_kafka, "namer", url, **names, web_port=free_port())
        with Child("namer", settings, tmp_path) as namer:
            until(namer.is_ready, "the namer is ready")
        assert len(asked) == 1


def test_intake_needs_the_rights_that_are_told_and_no_more(
    secured_kafka: SecuredKafka, tmp_path: Path
) -> None:
    names = own_names()
    control = secured_kafka.control(**names)
    admin.create(control)
    topic = raw_topic(control, "theirs", 2)
    log = activities()[:50]
    bare = {name: value for name, value in log[0].items() if name != "title"}
    catalogue(control, {bare["item_id"]: {"title": "Known"}})
    put(control, topic, ["no activity", bare, *log[1:], bare | {"item_id": "unknown"}])
    settings = secured_kafka.settings(
        "intake", **names, input_topics=topic, catalogue=True, item_wait_seconds=1
    )
    secured_kafka.grant(settings)
    intake = IntakeProcess(settings, tmp_path).wait_ready()
    until(lambda: intake.count("journeys_rejects_total") == 2, "both are set aside")
    assert len(arrived(control)) == len(log)
    assert intake.stop() == 0


def test_users_rows_need_the_rights_that_are_told_and_no_more(
    secured_kafka: SecuredKafka, tmp_path: Path
) -> None:
    names = own_names()
    control = secured_kafka.control(**names)
    admin.create(control)
    publish_sample(control)
    settings = secured_kafka.settings("users", **names)
    secured_kafka.grant(settings)
    users = UsersProcess(settings, tmp_path)
    until(lambda: standing(control) == wanted(control), "rows are there", every=0.5)
    assert users.wait_ready().stop() == 0


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_other_mechanisms_let_in(secured_kafka: SecuredKafka, mechanism: str) -> None:
    settings = secured_kafka.settings("admin", sasl_mechanism=mechanism, **own_names())
    assert not any(state.partitions for state in admin.describe(settings))


@pytest.mark.parametrize("form", ["pem", "text", "p12"])
def test_a_clients_certificate_lets_in(
    secured_kafka: SecuredKafka, form: str, tmp_path: Path
) -> None:
    folder = secured_kafka.folder
    common = {"broker": secured_kafka.mutual, "security_protocol": "SSL"} | own_names()
    if form == "p12":
        properties = tmp_path / "client.properties"
        properties.write_text(
            f"ssl.truststore.location={secured_kafka.ca}\nssl.truststore.type=PEM\n"
            f"ssl.keystore.location={folder / 'client.p12'}\nssl.keystore.type=PKCS12\n"
            f"ssl.keystore.password={KEY_PASSWORD}\n"
        )
        settings = Settings.load(**common, client_properties=properties)
    else:
        ca, certificate, key = (folder / n for n in ("ca.pem", "client.pem", "client.key"))

        def given(path: Path) -> str:
            return path.read_text() if form == "text" else str(path)

        settings = Settings.load(
            **common,
            ssl_ca=given(ca),
            ssl_certificate=given(certificate),
            ssl_key=given(key),
            ssl_key_password=KEY_PASSWORD,
        )
    assert not any(state.partitions for state in admin.describe(settings))


def test_who_is_not_let_in_reads_why_at_once(secured_kafka: SecuredKafka) -> None:
    by_number = secured_kafka.clients.replace("localhost", "127.0.0.1")
    scram = secured_kafka.settings("admin")
    no_sasl: dict[str, Any] = {
        "security_protocol": "SSL",
        "sasl_mechanism": None,
        "sasl_username": None,
        "sasl_password": None,
    }
    for changes, said in (
        ({"sasl_password": "wrong"}, "refuses user admin: .*invalid credentials"),
        ({"sasl_password": "wrong", "sasl_mechanism": "PLAIN"}, "refuses user admin: .*password"),
        ({"ssl_ca": str(secured_kafka.folder / "other-ca.pem")}, "not trusted: .*JOURNEYS_SSL_CA"),
        ({"ssl_ca": None}, "not trusted"),
        ({"broker": by_number}, "for another name: .*127.0.0.1"),
        ({"broker": secured_kafka.local}, "does not speak TLS"),
        ({"security_protocol": "SASL_PLAINTEXT", "ssl_ca": None}, "speaks TLS"),
        (no_sasl, "hangs up .* does it ask for SASL"),
        (no_sasl | {"broker": secured_kafka.mutual}, "asks for a client's certificate"),
        (
            no_sasl | {"security_protocol": "PLAINTEXT", "ssl_ca": None, "broker_timeout": 2},
            "speaks TLS: JOURNEYS_SECURITY_PROTOCOL is PLAINTEXT",
        ),
    ):
        given = scram.model_dump(exclude_unset=True) | changes
        start = time.monotonic()
        with pytest.raises(BrokerError, match=said) as refused:
            admin.describe(Settings.load(**given))
        assert "\n" not in str(refused.value)
        assert PASSWORD not in str(refused.value)
        assert time.monotonic() - start < 8
    unchecked = Settings.load(
        **scram.model_dump(exclude_unset=True) | {"broker": by_number, "ssl_check_hostname": False}
    )
    admin.describe(unchecked)
    with token_server("admin") as (url, _), pytest.raises(SettingsError, match="invalid_client"):
        admin.describe(oauth(secured_kafka, "admin", url, oauth_client_secret="wrong"))
    with pytest.raises(BrokerError, match=r"the token server at .* does not answer"):
        admin.describe(oauth(secured_kafka, "admin", f"http://127.0.0.1:{free_port()}"))
    with (
        token_server("admin", exp=1) as (url, _),
        pytest.raises(BrokerError, match="does not take the token of client admin"),
    ):
        admin.describe(oauth(secured_kafka, "admin", url))


def test_a_wrong_password_ends_every_command_with_one_line(secured_kafka: SecuredKafka) -> None:
    settings = secured_kafka.settings("worker", sasl_password="hunter2", web_port=0, **own_names())
    commands = [
        journeys(settings, *arguments)
        for arguments in (
            ("worker",),
            ("namer",),
            ("topics", "create"),
            ("topics", "describe"),
            ("produce", "-"),
            ("watch",),
        )
    ]
    for command in commands:
        _, errors = command.communicate(timeout=PATIENCE)
        assert command.returncode == 1
        assert errors.startswith(f"journeys: the broker at {secured_kafka.clients} refuses user")
        assert errors.count("\n") == 1
        assert "hunter2" not in errors


def test_a_missing_right_ends_a_command_with_one_line_that_names_it(
    secured_kafka: SecuredKafka, tmp_path: Path
) -> None:
    file = tmp_path / "activities.jsonl"
    file.write_bytes(b"\n".join(map(encode, activities())))
    topic = "no right to a topic"
    running = []
    for command, user, left_out, seen, said in (
        ("worker", "worker", "GROUP", False, "no right to the consumer group"),
        ("worker", "worker", "PREFIXGROUP-users-changelog-*", False, "the transactional id"),
        ("worker", "worker", "PREFIXGROUP-users-changelog", False, "users-changelog"),
        ("worker", "worker", "PREFIXactivity-events", True, topic),
        ("worker", "worker", "PREFIXjourney-changes", True, topic),
        ("namer", "namer", "GROUP-namer", False, "no right to the consumer group"),
        ("namer", "namer", "PREFIXnaming-requests", True, topic),
        ("produce", "producer", "PREFIXactivity-events", True, topic),
        ("watch", "subscriber", "PREFIXjourney-changes", False, "no topic .*journey-changes"),
        ("watch", "subscriber", "PREFIXjourney-changes", True, topic),
        ("topics", "nobody", "", False, "refuses topic .*uthoriz"),
    ):
        names = own_names(web_port=0)
        control = secured_kafka.control(**names)
        if command != "topics":
            admin.create(control)
        if left_out == "PREFIXjourney-changes" and command == "worker":
            produce(control, activities())
        missing = left_out.replace("PREFIX", names["topic_prefix"]).replace("GROUP", names["group"])
        secured_kafka.grant(control, missing, seen=seen)
        more = {"topics": ["create"], "produce": [str(file)]}.get(command, [])
        process = journeys(secured_kafka.settings(user, **names), command, *more)
        running.append((process, f"{command} without {left_out}", said))
    failures = []
    for process, what, said in running:
        try:
            _, errors = process.communicate(timeout=2 * PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            errors = f"it goes on: {process.communicate()[1]}"
        last = errors.splitlines()[-1]
        if process.returncode not in (1, 2) or not re.search(f"^journeys: .*{said}", last):
            failures.append((what, errors[-1_000:]))
    assert not failures

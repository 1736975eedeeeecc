"""What the API answers, over real HTTP."""

import datetime
import ipaddress
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.app.conftest import free_port


def test_it_says_who_it_is(start):
    answer = start(STAGE="staging", VERSION="abc1234").get("/")

    assert answer.status == 200
    assert answer.body == {"service": "babyrobots-api", "version": "abc1234", "stage": "staging"}
    assert "server" not in answer.headers


def test_without_dependencies_it_is_ready(start):
    api = start()

    assert api.get("/ready").body == {"status": "ready", "problems": {}}
    assert api.get("/health").body == {"status": "ok"}


def test_it_lives_but_is_not_ready_when_a_dependency_does_not_answer(start):
    api = start(
        DATABASE_HOST="127.0.0.1",
        DATABASE_PORT=str(free_port()),
        DATABASE_USERNAME="app",
        DATABASE_PASSWORD="unused",
        CACHE_HOST="127.0.0.1",
        CACHE_PORT=str(free_port()),
    )

    answer = api.get("/ready")
    assert answer.status == 503
    assert answer.body["problems"] == {
        "database": "OperationalError",
        "cache": "ConnectionRefusedError",
    }
    assert api.get("/health").status == 200


def test_the_reason_is_in_the_log_and_not_in_the_answer(start):
    port = free_port()
    api = start(CACHE_HOST="127.0.0.1", CACHE_PORT=str(port))

    assert "refused" not in str(api.get("/ready").body).lower().replace("refusederror", "")
    api.terminate()
    api.exit_code()
    (line,) = [line for line in api.logs() if line["message"] == "cache is not ready"]
    assert "Connection refused" in line["exception"]


def test_whoever_asks_often_does_not_become_the_load(start):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                seen.append(connection)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        api = start(CACHE_HOST="127.0.0.1", CACHE_PORT=str(listener.getsockname()[1]))
        answers = [api.get("/ready").status for _ in range(20)]

    assert set(answers) == {503}
    assert 1 <= len(seen) < 20


@pytest.fixture
def tls_server(tmp_path):
    """A port with TLS, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    chain = tmp_path / "certificate.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = tmp_path / "key.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(1)
                except OSError:
                    continue

        threading.Thread(target=answer, daemon=True).start()
        yield listener.getsockname()[1], chain


def test_the_cache_is_ready_when_its_certificate_is_trusted(start, tls_server):
    port, chain = tls_server
    cache = {"CACHE_HOST": "127.0.0.1", "CACHE_PORT": str(port)}

    trusting = start(**cache, SSL_CERT_FILE=str(chain))
    wary = start(**cache)

    assert trusting.get("/ready").status == 200
    assert wary.get("/ready").body["problems"] == {"cache": "SSLCertVerificationError"}


def test_it_refuses_to_start_with_settings_it_cannot_work_with(start):
    api = start(wait=False, DRAIN_SECONDS="soon", DATABASE_HOST="127.0.0.1")

    assert api.exit_code() == 2
    assert api.lines == [
        "DRAIN_SECONDS is 'soon'; write a number that is not negative;"
        " DATABASE_HOST is set and DATABASE_USERNAME is not"
    ]


def test_it_writes_no_file(start, tmp_path):
    """On a read-only file system it could not."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def refuse(event, args):\n"
        "    if event == 'open' and isinstance(args[0], str) and not args[0].startswith('/dev/'):\n"
        "        if (args[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):\n"
        "            os.write(1, f'WROTE {args[0]}\\n'.encode()); os._exit(77)\n"
        "sys.addaudithook(refuse)\n"
    )
    api = start(PYTHONPATH=str(tmp_path), CACHE_HOST="127.0.0.1", CACHE_PORT="1")

    assert [api.get(path).status for path in ("/", "/health", "/ready")] == [200, 200, 503]
    api.terminate()
    assert api.exit_code() == 0

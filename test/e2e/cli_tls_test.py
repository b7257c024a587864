"""ais and a cluster behind a server that ends TLS."""

import contextlib
import json
import socket
import ssl
import threading

import cli_test
import pytest
from certificates import authority, certificate


@pytest.fixture(scope="module")
def certs(tmp_path_factory):
    dir = tmp_path_factory.mktemp("certs")
    authority(dir, "ca")
    authority(dir, "other-ca")
    certificate(dir, "server", "ca", hosts="DNS:localhost,IP:127.0.0.1")
    certificate(dir, "expired", "ca", "-1", hosts="IP:127.0.0.1")
    certificate(dir, "me", "ca")
    return dir


def pump(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)


class Front:
    """Ends TLS, and passes on what is within it."""

    def __init__(self, port, certs, name="server", client_ca=None):
        self.behind = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certs / f"{name}.pem", certs / f"{name}.key")
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(certs / f"{client_ca}.pem")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError):
            outside = self.context.wrap_socket(peer, server_side=True)
            inside = socket.create_connection(("127.0.0.1", self.behind))
            back = threading.Thread(target=pump, args=(inside, outside), daemon=True)
            back.start()
            pump(outside, inside)
            back.join()
            outside.close()
            inside.close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.fixture
def front(node, certs):
    with contextlib.ExitStack() as stack:

        def make(**how):
            it = Front(node.port, certs, **how)
            stack.callback(it.close)
            return it

        yield make


@pytest.fixture
def ais(tmp_path):
    (tmp_path / "home").mkdir()

    def run(*args, url, **more):
        env = cli_test.environment(tmp_path / "home", url)
        return cli_test.run_ais(args, tmp_path, env | {k: str(v) for k, v in more.items()})

    return run


def works(ais, bucket, dir, url, **more):
    """Objects go in and out, and are listed."""
    (dir / "in").write_bytes(b"0123456789" * 100_000)
    for line in (
        ["put", dir / "in", f"ais://{bucket}/a"],
        ["get", f"ais://{bucket}/a", dir / "out"],
    ):
        r = ais(*line, url=url, **more)
        assert r.returncode == 0, r.stderr
    assert (dir / "out").read_bytes() == (dir / "in").read_bytes()
    r = ais("ls", f"ais://{bucket}", "--json", url=url, **more)
    assert r.returncode == 0 and '"a"' in r.stdout, r.stderr


def test_by_the_environment(ais, front, certs, bucket, tmp_path):
    works(ais, bucket, tmp_path, front().url, AIS_CLIENT_CA=certs / "ca.pem")
    works(ais, bucket, tmp_path, front().url, AIS_SKIP_VERIFY_CRT="true")


def test_by_the_file(ais, front, certs, bucket, tmp_path):
    url = front().url
    for value in (f"url={url}", f"client_ca_tls={certs / 'ca.pem'}"):
        r = ais("config", "cli", "set", f"cluster.{value}", url="")
        assert r.returncode == 0, r.stderr
    works(ais, bucket, tmp_path, "")
    # The environment wins.
    r = ais("ls", url="", AIS_CLIENT_CA=certs / "other-ca.pem")
    assert r.returncode == 1 and "not signed by" in r.stderr
    ais("config", "cli", "set", "cluster.skip_verify_crt=true", url="")
    r = ais("ls", url="", AIS_CLIENT_CA=certs / "other-ca.pem")
    assert r.returncode == 0, r.stderr


def test_an_authority_that_is_not_known(ais, front):
    r = ais("ls", url=front().url)
    assert r.returncode == 1
    assert "is not signed by an authority that is known here" in r.stderr
    assert "cluster.client_ca_tls (AIS_CLIENT_CA)" in r.stderr
    assert "cluster.skip_verify_crt (AIS_SKIP_VERIFY_CRT)" in r.stderr


def test_clients_with_certificates_only(ais, front, certs, bucket, tmp_path):
    url = front(client_ca="ca").url
    trust = {"AIS_CLIENT_CA": certs / "ca.pem"}
    r = ais("ls", url=url, **trust)
    assert r.returncode == 1
    assert "takes only clients with a certificate" in r.stderr
    assert "cluster.client_crt (AIS_CRT)" in r.stderr
    trust["AIS_CRT"] = certs / "me.pem"
    r = ais("ls", url=url, **trust)
    assert r.returncode == 1
    assert "of no use without cluster.client_crt_key (AIS_CRT_KEY)" in r.stderr
    works(ais, bucket, tmp_path, url, **trust, AIS_CRT_KEY=certs / "me.key")


def test_files_that_are_not_there(ais, front, node):
    r = ais("ls", url=front().url, AIS_CLIENT_CA="/nowhere/ca.pem")
    assert r.returncode == 1
    assert "(AIS_CLIENT_CA) /nowhere/ca.pem: No such file" in r.stderr
    assert ais("ls", url=node.url, AIS_CLIENT_CA="/nowhere/ca.pem").returncode == 0


def endpoint_of(r):
    assert r.returncode == 1
    (found,) = (x for x in json.loads(r.stdout) if x["what"] == "endpoint")
    assert found["verdict"] == "bad"
    return found


def test_doctor(ais, front, certs, node):
    trust = {"AIS_CLIENT_CA": certs / "ca.pem"}
    r = ais("doctor", "--json", url=front().url, **trust)
    assert r.returncode == 0, r.stdout
    found = endpoint_of(ais("doctor", "--json", url=front().url))
    assert "AIS_CLIENT_CA" in found["mend"] and "not signed" in found["text"]
    old = front(name="expired").url
    assert "expired" in endpoint_of(ais("doctor", "--json", url=old, **trust))["text"]
    plain = node.url.replace("http:", "https:")
    assert "http://" in endpoint_of(ais("doctor", "--json", url=plain))["mend"]
    reverse = front().url.replace("https:", "http:")
    assert "https://" in endpoint_of(ais("doctor", "--json", url=reverse))["mend"]
    nobody = endpoint_of(ais("doctor", "--json", url="https://127.0.0.1:1"))
    assert "in front of them" in nobody["mend"]


def test_redirects_to_nodes_by_plain_http(ais, cluster, certs, tmp_path):
    """Objects are behind other nodes than the one that is asked."""
    front = Front(cluster.proxies[0].port, certs)
    trust = {"AIS_CLIENT_CA": certs / "ca.pem"}
    try:
        assert ais("create", "ais://b", url=front.url, **trust).returncode == 0
        works(ais, "b", tmp_path, front.url, **trust)
    finally:
        front.close()


def test_nodes_do_not_pretend(ais, node):
    r = ais("config", "cluster", "net.http.use_https=true", url=node.url)
    assert r.returncode == 1 and "in front of them" in r.stderr
    r = ais("config", "cluster", "net.http.use_https=false", url=node.url)
    assert r.returncode == 0, r.stderr

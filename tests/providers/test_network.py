"""The proxies and the certificates that the environment names: they work, or one sentence names the variable."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT
from tests.providers.loopback import Ledger
from tests.providers.proxy import proxying
from tests.providers.server import GraphQLServer, Json, Stream, serve
from tests.scripted import FrozenClock
from tui.credentials import Secret
from tui.model.errors import OutcomeUnknown, ProviderError, Unreachable
from tui.providers import network
from tui.providers.graphql import Endpoint
from tui.providers.http import Peer
from tui.providers.rest import Rest

PEER = Peer("prod", "Railway", "https://backboard.example/graphql", "Make a new token.", Secret("tok-0123456789"))
VARIABLES = [f"{name}_proxy" for name in ("http", "https", "all", "no", "ws", "wss", "socks")]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*VARIABLES, *(each.upper() for each in VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
    network._odd_variable.cache_clear()
    yield
    network._odd_variable.cache_clear()


async def _one(stream: Stream, _: Json) -> None:
    await stream.next(line="hello")
    await stream.complete()


async def both(server: GraphQLServer) -> None:
    """One request and one subscription."""
    server.answers["Me"] = lambda _: {"me": "ann"}
    server.streams["Lines"] = _one
    peer = replace(PEER, url=server.url)
    endpoint = Endpoint(
        peer, meter=Ledger(), clock=FrozenClock(), classify=lambda faults, _: ProviderError(str(faults))
    )
    try:
        assert await endpoint.execute("query Me { me }", {}) == {"me": "ann"}
        async with endpoint.subscribe("subscription Lines { line }", {}) as lines:
            assert await lines.receive(20.0) == [{"line": "hello"}]
    finally:
        await endpoint.aclose()


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "http_proxy"])
@pytest.mark.parametrize("scheme", ["socks5h", "socks5"])
async def test_requests_and_sockets_go_through_a_socks_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, scheme: str
) -> None:
    pytest.importorskip("socksio")
    pytest.importorskip("python_socks")
    async with serve(GraphQLServer()) as server, proxying() as proxy:
        monkeypatch.setenv(name, f"{scheme}://127.0.0.1:{proxy.port}")
        await both(server)
    assert proxy.asked == [f"socks 127.0.0.1:{server.port}"] * 2


@pytest.mark.parametrize("address", ["http://127.0.0.1:{}", "127.0.0.1:{}", "http://ann@127.0.0.1:{}/"])
async def test_requests_and_sockets_go_through_an_http_proxy(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    async with serve(GraphQLServer()) as server, proxying() as proxy:
        monkeypatch.setenv("http_proxy", address.format(proxy.port))
        await both(server)
    assert proxy.asked == [f"forward 127.0.0.1:{server.port}", f"connect 127.0.0.1:{server.port}"]


@pytest.mark.parametrize("no", ["127.0.0.1", "*", "other.example,127.0.0.1"])
async def test_what_no_proxy_names_is_gone_to_without_one(monkeypatch: pytest.MonkeyPatch, no: str) -> None:
    async with serve(GraphQLServer()) as server, proxying() as proxy:
        monkeypatch.setenv("all_proxy", f"socks5h://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", no)
        await both(server)
    assert proxy.asked == []


async def test_a_proxy_that_is_not_on_the_way_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "::::")
    async with serve(GraphQLServer()) as server:
        await both(server)


async def test_a_proxy_that_refuses_has_sent_nothing_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with proxying() as proxy:
        proxy.refuses = True
        monkeypatch.setenv("HTTPS_PROXY", f"http://ann:s3cret-s3cret@127.0.0.1:{proxy.port}")
        rest = Rest(PEER, meter=Ledger(), clock=FrozenClock(), classify=lambda _answer, _mutation: None, headers={})
        try:
            with pytest.raises(Unreachable, match="the proxy in HTTPS_PROXY") as caught:
                await rest.ask("POST", "x", mutation=True)
        finally:
            await rest.aclose()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["::::", "http://", "http://[::1", "http://host:port", "ftp://host", "socks4://host", "http://a b"]
)
@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
async def test_a_proxy_that_is_no_address_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    peer = replace(PEER, url="http://ops.example")
    with pytest.raises(Unreachable, match=f"Account prod: {name} does not hold a proxy's address"):
        network.proxy_of(peer)


@pytest.mark.parametrize("package", ["socksio", "python_socks"])
def test_a_socks_proxy_without_the_extra_is_one_sentence_that_names_both(package: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "sys.argv = ['deckwatch', 'services']\n"
        "from tui.cli import main; main()"
    )
    env = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "ALL_PROXY": "socks5h://127.0.0.1:1080"}

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**env, "DOKPLOY_URL": "http://127.0.0.1:9", "DOKPLOY_API_KEY": "k" * 20},
        timeout=60,
        check=False,
    )

    said = 'ALL_PROXY names a SOCKS proxy, which needs the extra socks: pip install "deckwatch[socks]".'
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"deckwatch: dokploy (Dokploy): Account dokploy: {said}\n"


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
async def test_certificates_that_cannot_be_read_are_named_by_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "none" / "x.pem"
    monkeypatch.setenv(name, str(path))

    with pytest.raises(Unreachable, match=f"{name} is {path}, which cannot be used: No such file") as caught:
        await network.tls(PEER, None)
    assert "None" not in str(caught.value)


async def test_a_file_of_certificates_that_holds_none_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "odd.pem"
    path.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(Unreachable, match=f"SSL_CERT_FILE is {path}, which cannot be used"):
        await network.tls(PEER, None)


async def test_certificates_of_the_environment_that_can_be_read_are_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import certifi

    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))  # the file wins
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

    assert (await network.tls(PEER, None)).check_hostname
    assert network.trusted_by() == f"SSL_CERT_FILE={certifi.where()}"


def test_the_proxy_is_kept_as_both_libraries_understand_it(monkeypatch: pytest.MonkeyPatch) -> None:
    peer = replace(PEER, url="https://ops.example:8443/api")
    for written, meant in (
        ("proxy.example", "http://proxy.example"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ("https://ann:p%40ss@proxy.example", "https://ann:p%40ss@proxy.example"),
        ("http://ann@proxy.example:1", "http://ann:@proxy.example:1"),
        ("socks5h://[::1]:1080", "socks5h://[::1]:1080"),
    ):
        monkeypatch.setenv("https_proxy", written)
        proxy = network.proxy_of(peer)
        assert proxy is not None
        assert (proxy.name, proxy.url) == ("https_proxy", meant)

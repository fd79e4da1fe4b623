"""HTTP requests as the edge of a platform logs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tui.demo.flows import mix


@dataclass(frozen=True, slots=True)
class Request:
    at: int
    id: str
    method: str
    path: str
    host: str
    status: int
    duration_ms: int
    upstream_ms: int
    client_ip: str
    user_agent: str
    region: str
    bytes_in: int
    bytes_out: int
    upstream_error: str
    detail: str
    instance: str
    owner: str


_ROUTES: dict[str, tuple[tuple[str, str, int, int], ...]] = {  # method, path, usual status, usual milliseconds
    "site": (
        ("GET", "/", 200, 41),
        ("GET", "/products/{}", 200, 55),
        ("GET", "/collections/summer", 200, 62),
        ("GET", "/search?q=rain%20jacket&page={}", 200, 190),
        ("GET", "/_next/static/chunks/{}.js", 200, 9),
        ("POST", "/api/basket/items", 201, 48),
        ("GET", "/favicon.ico", 304, 4),
        ("GET", "/wp-login.php", 404, 12),
    ),
    "api": (
        ("GET", "/v1/orders/{}", 200, 28),
        ("POST", "/v1/orders", 201, 74),
        ("GET", "/v1/customers/{}", 200, 22),
        ("PATCH", "/v1/orders/{}", 200, 51),
        ("GET", "/v1/stock?sku={}", 200, 17),
        ("GET", "/v1/orders/none", 404, 11),
        ("GET", "/healthz", 200, 2),
    ),
    "checkout": (
        ("POST", "/v1/checkout/{}", 200, 120),
        ("GET", "/v1/checkout/{}/summary", 200, 44),
        ("POST", "/v1/checkout/{}/tax", 200, 66),
        ("GET", "/healthz", 200, 2),
    ),
}
_AGENTS = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Version/18.6 Mobile Safari/604.1",
    "acme-mobile/7.2.0 (Android 15)",
    "python-httpx/0.28.1",
)
_REGIONS = ("europe-west4-drams3a", "us-east4-eqdc4a", "asia-southeast1-eqsg3a")


def requests(
    routes: str, host: str, instances: Sequence[str], owner: str, salt: int, *, failing: bool
) -> Callable[[int, int], Request]:
    """Writes request `number`. A failing service is slow on one route, its last POST, and most of it ends in a 500."""
    table = _ROUTES[routes]
    broken = max(number for number, (method, *_) in enumerate(table) if method == "POST")

    def write(number: int, at: int) -> Request:
        bits = mix(number, salt)
        method, path, status, usual = table[bits % len(table)]
        more = mix(number, salt + 1)
        took = usual * (60 + more % 90) // 100 + 1
        detail = error = ""
        if more % 400 == 7:
            status, took, error, detail = 502, 2, "connection refused", "upstream connect error"
        if failing and bits % len(table) == broken and status < 300:
            took *= 10
            if bits & 0xF0000:
                status = 500
        return Request(
            at,
            f"{mix(number, salt + 2):08x}{more:08x}{number & 0xFFFFFF:06x}",
            method,
            path.format(f"{more & 0xFFFF:04x}"),
            host,
            status,
            took,
            max(0, took - 3),
            f"203.0.113.{more % 250 + 1}",
            _AGENTS[more >> 4 & 3],
            _REGIONS[more >> 6 & 1] if more & 0xC00 else _REGIONS[2],
            (more & 0x7FF) + 120,
            0 if status == 304 else (bits & 0x3FFF) + 80,
            error,
            detail,
            instances[(bits >> 12) % len(instances)],
            owner,
        )

    return write

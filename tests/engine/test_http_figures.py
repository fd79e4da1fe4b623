from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.http_figures import NOT_FOUND, OTHER, ROUTES, Figures, HttpBook, HttpScan, Order, Trend, compare, route
from tui.engine.log_records import Notice
from tui.engine.log_store import LogStore
from tui.model.log import HttpRequest

START = datetime(2026, 8, 22, 2, 0, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000


def request(
    seconds: float, path: str = "/", status: int = 200, ms: int = 10, deployment: str = "", method: str = "GET"
) -> HttpRequest:
    return HttpRequest(
        START + timedelta(seconds=seconds), "", method, path, status, ms, bytes_sent=100, deployment=deployment
    )


def book_of(requests: Iterable[HttpRequest]) -> HttpBook:
    store = LogStore()
    for one in requests:
        store.append(one)
    scan = HttpScan(store)
    while not scan.step(1.0):
        pass
    return scan.book


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("/orders/123/items?page=2", "/orders/:id/items"),
        ("/v1/orders/0b7ac1de-1c2d-4e5f-8a9b-0c1d2e3f4a5b", "/v1/orders/:id"),
        ("/products/rain-jacket-12", "/products/:id"),
        ("/collections/summer", "/collections/summer"),
        ("/_next/static/chunks/3f2a.js", "/_next/static/chunks/:id.js"),
        ("/favicon.ico", "/favicon.ico"),
        ("/v12/oauth2/token", "/v12/oauth2/token"),
        ("/search?q=1#top", "/search"),
        ("/reset/abcdefghijklmnopqrstuvwxyzabcd", "/reset/:id"),
        ("/.env", "/.env"),
        ("/orders;jsessionid=A1B2C3D4", "/orders"),
        ("/users/jo@example.com", "/users/:id"),
        ("/users/jo@example.de", "/users/:id"),
        ("/api/v2beta1/pods", "/api/v2beta1/pods"),
        ("/api/v1.2/pods", "/api/v1.2/pods"),
        ("/api/orders/123:cancel", "/api/orders/:id:cancel"),
        ("/api/orders:batchGet", "/api/orders:batchGet"),
        ("/k8s/x", "/k8s/x"),
        ("/orders/", "/orders"),
        ("//", "/"),
        ("", "/"),
        ("/a" * 40, "/a" * 12 + "/…"),
    ],
)
def test_what_varies_in_a_path_is_an_id(path: str, template: str) -> None:
    assert route(path) == template


@given(st.text(max_size=200))
def test_any_path_has_a_route(path: str) -> None:
    assert route(path).startswith("/")


def test_an_id_that_looks_like_a_word_joins_its_route() -> None:
    book = book_of([request(0, "/orders/12ab"), request(1, "/orders/beef"), request(2, "/orders/none")])
    assert [(row.route, row.figures.requests) for row in book.routes()] == [
        ("GET /orders/:id", 2),
        ("GET /orders/none", 1),
    ]


def test_what_scanners_try_is_no_route() -> None:
    book = book_of(
        [request(0, "/ok"), request(1, "/wp-login.php", 404), request(2, "/.env", 404), request(3, "/ok", 404)]
    )
    assert {row.route: row.figures.requests for row in book.routes()} == {"GET /ok": 2, NOT_FOUND: 2}


def test_routes_are_bounded() -> None:
    book = book_of(request(0, "/" + "x" * (number % 20) + "/" + "y" * (number // 20)) for number in range(400))
    rows = {row.route: row.figures.requests for row in book.routes()}
    assert len(rows) == ROUTES + 1
    assert rows[OTHER] == 400 - ROUTES


def test_deployments_are_bounded_and_nothing_is_lost() -> None:
    book = book_of(request(0, deployment=f"d{number}") for number in range(50))
    figures = book.deployments()
    assert "d49" in figures
    assert len(figures) <= 21
    assert sum(each.requests for each in figures.values()) == 50 == book.summary().requests


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=300), st.sampled_from([0.5, 0.95, 0.99]))
def test_quantiles_are_within_half_a_percent(durations: list[int], share: float) -> None:
    figures = Figures()
    for duration in durations:
        figures.add(200, duration, 0)
    exact = sorted(durations)[max(0, -int(-share * len(durations) // 1) - 1)]
    assert figures.quantile(share) == pytest.approx(exact, rel=0.005)


@given(st.lists(st.tuples(st.integers(100, 599), st.integers(0, 10**6)), max_size=60), st.integers(0, 60))
def test_figures_add_up(requests: list[tuple[int, int]], cut: int) -> None:
    whole, left, right = Figures(), Figures(), Figures()
    for number, (status, duration) in enumerate(requests):
        for figures in (whole, left if number < cut else right):
            figures.add(status, duration, 10)
    left.merge(right)
    assert left == whole
    assert sum(whole.durations.values()) == whole.requests == len(requests)
    assert whole.bytes_sent == 10 * len(requests)


def test_the_head_says_rate_errors_and_latency_of_a_window() -> None:
    slow = [request(number, "/a", 200, 10) for number in range(100)]
    fast = [request(100 + number / 10, "/a", 500 if number % 4 == 0 else 404, 500) for number in range(600)]
    book = book_of([*slow, *fast])
    now = book.summary(window_s=30)
    assert now.per_s == pytest.approx(10, rel=0.05)
    assert now.error_share == pytest.approx(0.25, abs=0.01)
    assert now.client_error_share == pytest.approx(0.75, abs=0.01)
    assert now.p95 == pytest.approx(500, rel=0.005)
    whole = book.summary()
    assert (whole.requests, whole.bytes_sent) == (700, 70_000)
    assert whole.p50 == pytest.approx(500, rel=0.005)


def test_nothing_has_no_figures() -> None:
    book = HttpBook()
    assert book.summary(60) == book.summary()
    assert (book.summary().requests, book.summary().p50) == (0, None)
    assert compare(book, START_US, label="7f3a").words() == "can't tell: no requests before 7f3a"


def test_routes_are_sorted_by_what_was_asked_for() -> None:
    book = book_of(
        [request(0, "/often") for _ in range(9)]
        + [request(0, "/slow", ms=900)]
        + [request(0, "/broken", 500) for _ in range(3)]
    )
    assert [book.routes(order)[0].route for order in Order] == ["GET /often", "GET /broken", "GET /slow"]


def test_what_is_no_request_is_passed_over() -> None:
    store = LogStore()
    store.append(Notice(START, "reconnected"))
    store.append(request(0))
    scan = HttpScan(store)
    assert scan.step(1.0)
    assert scan.book.summary().requests == 1


# one deployment against the one before


def rollout(bad: bool = True) -> HttpBook:
    """Ten requests a second for 600 s; the second deployment answers from 300 s on, worse on one route."""
    requests = []
    for number in range(6000):
        second = number / 10
        new = second >= 300
        path = "/healthz" if number % 2 else "/checkout/1a2b/tax"
        worse = bad and new and path != "/healthz"
        status = 500 if (worse and number % 12 == 0) or number == 1400 else 200
        requests.append(
            request(
                second,
                path,
                status,
                480 if worse else 120,
                "new" if new else "old",
                "POST" if path[1] == "c" else "GET",
            )
        )
    return book_of(requests)


def test_a_bad_deployment_is_said_in_words() -> None:
    compared = compare(rollout(), START_US + 300_000_000, "new", "7f3a")
    assert compared.words() == "5xx <0.1% -> 8.3%, p95 120 -> 480 ms since 7f3a"
    assert compared.trend is Trend.WORSE
    assert compared.window_s == 290
    assert [(change.route, change.trend) for change in compared.routes] == [
        ("POST /checkout/:id/tax", Trend.WORSE),
        ("GET /healthz", Trend.SAME),
    ]


def test_windows_are_as_long_as_the_shorter_side() -> None:
    compared = compare(rollout(), START_US + 540_000_000)
    assert compared.window_s == 50
    assert compared.before.requests == compared.after.requests == 500


def test_a_deployment_like_the_one_before_is_said_to_be_so() -> None:
    compared = compare(rollout(bad=False), START_US + 300_000_000, "new", "7f3a")
    assert compared.words() == "no clear change since 7f3a: 5xx 0%, p95 120 ms"
    assert {change.trend for change in compared.routes} == {Trend.SAME}


def test_one_of_three_requests_is_not_a_third() -> None:
    before = [request(number / 2, "/a", deployment="old") for number in range(200)]
    after = [request(110 + number, "/a", 500 if number == 1 else 200, deployment="new") for number in range(3)]
    compared = compare(
        book_of([*before, *after, request(150, "/a", deployment="old")]), START_US + 100_000_000, "new", "7f3a"
    )
    assert compared.words() == "can't tell: only 3 requests since 7f3a"
    assert compared.trend is Trend.UNKNOWN


def test_a_single_error_among_few_requests_is_no_change() -> None:
    before = [request(number / 100, "/a") for number in range(10_000)]
    after = [request(110 + number, "/a", 500 if number == 1 else 200) for number in range(30)]
    assert compare(book_of([*before, *after]), START_US + 100_000_000).errors is Trend.SAME


def test_without_requests_before_it_cannot_be_told() -> None:
    compared = compare(book_of(request(number, "/a") for number in range(100)), START_US, label="7f3a")
    assert compared.words() == "can't tell: no requests before 7f3a"


def test_the_old_deployments_late_requests_are_on_neither_side() -> None:
    late = [request(330 + number / 100, "/healthz", 500, deployment="old") for number in range(500)]
    store = LogStore()
    for one in late:
        store.append(one)
    scan = HttpScan(store, rollout(bad=False))
    scan.step(10.0)
    assert compare(scan.book, START_US + 300_000_000, "new").after.server_errors == 0


def test_a_route_that_is_new_is_called_so_and_a_better_one_comes_last() -> None:
    before = [request(number / 10, "/slow", 500 if number % 3 == 0 else 200, 900) for number in range(1000)]
    after = [request(100 + number / 10, "/slow" if number % 2 else "/fresh", 200, 90) for number in range(1000)]
    compared = compare(book_of([*before, *after]), START_US + 100_000_000)
    assert [(change.route, change.trend) for change in compared.routes] == [
        ("GET /fresh", Trend.NEW),
        ("GET /slow", Trend.BETTER),
    ]

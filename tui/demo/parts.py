"""Who is in the story: every service of every platform, before anything happens to it."""

from __future__ import annotations

from dataclasses import dataclass

PLATFORMS = ("railway", "gitlab", "cloud66", "dokploy")


@dataclass(frozen=True, slots=True)
class Part:
    """One service in one environment. `weight` is its share of all log lines on its platform."""

    project: str
    environment: str
    name: str
    language: str
    flavour: str
    routes: str | None = None
    weight: float = 1.0
    replicas: int = 1
    image: str | None = None
    build_s: float = 35.0
    cron: str | None = None
    sleeps: bool = False
    age_h: float = 30.0
    platform: str = "railway"
    kind: str = ""  # the platform's own kind of service; "" is its usual one

    @property
    def path(self) -> str:
        return f"{self.project}/{self.environment}/{self.name}"


PARTS = (
    Part("shop", "production", "api", "python", "python", "api", 4, 2, age_h=9),
    Part("shop", "production", "web", "node", "node", "site", 4, 2, build_s=55, age_h=27),
    Part("shop", "production", "checkout", "python", "python", "checkout", 3, 2, age_h=31),
    Part("shop", "production", "search", "go", "go", "api", 1, build_s=30, age_h=52),
    Part("shop", "production", "emails", "python", "worker", weight=0.7, replicas=2, age_h=26),
    Part("shop", "production", "worker", "python", "worker", weight=1.5, replicas=3, age_h=20),
    Part("shop", "production", "catalog", "node", "hostile", "site", 1, age_h=0.45),
    Part("shop", "production", "images", "go", "go", "api", 1, build_s=25, age_h=0.6),
    Part("shop", "production", "nightly-report", "python", "worker", cron="0 2 * * *", age_h=0.3),
    Part("shop", "production", "postgres", "postgres", "postgres", weight=0.4, image="postgres:17.6", age_h=600),
    Part("shop", "production", "redis", "redis", "redis", weight=0.2, image="redis:8.2-alpine", age_h=600),
    Part("platform", "production", "gateway", "go", "go", "api", 2, 2, build_s=28, age_h=6),
    Part("platform", "production", "auth", "go", "auth", "api", 1, 2, build_s=28, age_h=100),
    Part("platform", "production", "metrics", "go", "go", weight=0.5, build_s=22, age_h=44),
    Part("platform", "production", "scheduler", "python", "worker", weight=0.5, age_h=90),
    Part("shop", "staging", "api", "python", "python", "api", 0.4, age_h=2),
    Part("shop", "staging", "web", "node", "node", "site", 0.3, sleeps=True, age_h=15),
    Part("shop", "staging", "checkout", "python", "python", "checkout", 0.3, age_h=5),
    Part("shop", "staging", "postgres", "postgres", "postgres", weight=0.1, image="postgres:17.6", age_h=600),
    Part("shop", "pr-312", "api", "python", "python", "api", 0.1, age_h=1.6),
    Part("shop", "pr-312", "web", "node", "node", "site", 0.1, build_s=50, age_h=1.6),
    Part("platform", "staging", "gateway", "go", "go", "api", 0.3, build_s=28, age_h=8),
    Part("payments", "production", "api", "python", "python", "api", 2, 2, age_h=12, platform="gitlab"),
    Part("payments", "production", "web", "node", "node", "site", 1, 2, build_s=50, age_h=20, platform="gitlab"),
    Part("payments", "production", "settlement", "python", "worker", age_h=70, platform="gitlab"),
    Part("payments", "production", "fraud", "go", "go", "api", build_s=30, age_h=33, platform="gitlab"),
    Part("payments", "staging", "api", "python", "python", "api", 0.3, age_h=3, platform="gitlab"),
    Part("payments", "staging", "web", "node", "node", "site", 0.3, age_h=7, platform="gitlab"),
    Part("payments", "review/one-page", "web", "node", "node", "site", 0.1, age_h=2, platform="gitlab"),
    Part("outlet", "production", "storefront", "node", "node", "site", 2, 3, build_s=50, age_h=16, platform="cloud66"),
    Part("outlet", "production", "backoffice", "python", "python", age_h=40, platform="cloud66", kind="rails"),
    Part("outlet", "production", "feeds", "go", "go", "api", 1, 2, build_s=25, age_h=60, platform="cloud66"),
    Part("outlet", "staging", "storefront", "node", "node", "site", 0.3, age_h=4, platform="cloud66"),
    Part("outlet", "staging", "backoffice", "python", "python", age_h=8, platform="cloud66", kind="rails"),
    Part("tools", "production", "wiki", "node", "node", "site", 1, 2, build_s=40, age_h=22, platform="dokploy"),
    Part("tools", "production", "status-page", "go", "go", "api", build_s=25, age_h=48, platform="dokploy"),
    Part("tools", "production", "deploy-bot", "python", "worker", age_h=18, platform="dokploy"),
    Part("tools", "production", "grafana", "go", "go", "api", 1, 2, age_h=90, platform="dokploy", kind="compose"),
    Part(
        "tools", "production", "postgres", "postgres", "postgres", image="postgres:17.6", age_h=600, platform="dokploy"
    ),
    Part("tools", "production", "redis", "redis", "redis", image="redis:8.2-alpine", age_h=600, platform="dokploy"),
    Part("tools", "staging", "wiki", "node", "node", "site", 0.3, age_h=5, platform="dokploy"),
    Part("tools", "staging", "grafana", "go", "go", "api", 0.3, age_h=30, platform="dokploy", kind="compose"),
)

EXTRAS = (
    Part("tools", "production", "dokploy-docs", "node", "node", "site", 0.3, age_h=3, platform="dokploy"),
    Part(
        "tools", "production", "link-checker", "go", "go", weight=0.3, image="acme/link-checker:2", platform="dokploy"
    ),
    Part("tools", "production", "edge", "go", "go", "api", 0.3, 2, age_h=12, platform="dokploy", kind="stack"),
)
"""Services that are in the world only if somebody adds them."""

LIVELY = (
    "shop/production/api",
    "shop/production/images",
    "shop/production/catalog",
    "platform/production/gateway",
    "platform/production/metrics",
    "shop/staging/api",
    "shop/staging/checkout",
    "payments/production/api",
    "payments/staging/web",
    "outlet/production/feeds",
    "outlet/staging/storefront",
    "tools/production/status-page",
    "tools/staging/wiki",
)
_NOUNS = (
    "billing",
    "ledger",
    "stock",
    "parcel",
    "label",
    "returns",
    "tax",
    "loyalty",
    "audit",
    "export",
    "import",
    "feed",
)
_ROLES = ("api", "worker", "web", "sync")


def cast_of(platforms: tuple[str, ...], services: int | None) -> list[Part]:
    """Those on `platforms`; with `services` exactly so many, shared out evenly, the story's own first."""
    chosen = [part for part in PARTS if part.platform in platforms]
    if services is None:
        return chosen
    counts = {platform: services // len(platforms) for platform in platforms}
    for platform in platforms[: services % len(platforms)]:
        counts[platform] += 1
    found: list[Part] = []
    for platform, count in counts.items():
        known = [part for part in chosen if part.platform == platform][:count]
        found += known + [_extra(number, platform) for number in range(count - len(known))]
    return found


def _extra(number: int, platform: str) -> Part:
    team, place = divmod(number, 100)
    name = f"{_NOUNS[place % len(_NOUNS)]}-{_ROLES[place // len(_NOUNS) % len(_ROLES)]}-{place:02d}"
    environment = "production" if place < 50 else "staging"
    project = f"team-{team + 1:02d}" if platform == "railway" else f"{platform}-{team + 1:02d}"
    return Part(project, environment, name, "go", "go", "api", 0.2, age_h=1 + number % 300, platform=platform)

"""deckwatch: every deployment of every platform on one terminal screen."""

__version__ = "0.1.0"

"""Dokploy: applications, compose services and databases over REST, their logs over WebSockets."""

from tui.providers.dokploy.provider import DokployProvider

__all__ = ["DokployProvider"]

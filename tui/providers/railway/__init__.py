"""Railway: GraphQL for everything, graphql-transport-ws for what moves."""

from tui.providers.railway.provider import RailwayProvider

__all__ = ["RailwayProvider"]

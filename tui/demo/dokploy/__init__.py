"""Dokploy's REST and tRPC API and its log sockets over the world, written from the contract."""

"""Railway's GraphQL API, over HTTP and graphql-transport-ws, with the habits and traps seen on the real one."""

"""GitLab's REST API v4 over the world, of today and, under `/old`, as a server of the 12.x years spoke it."""

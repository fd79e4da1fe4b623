"""GitLab: REST v4 for everything; an environment of a project is what elsewhere is called a service."""

from tui.providers.gitlab.provider import GitLabProvider

__all__ = ["GitLabProvider"]

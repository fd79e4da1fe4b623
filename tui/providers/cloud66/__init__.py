"""Cloud 66: stacks, their deployments and asynchronous actions, deploy logs."""

from tui.providers.cloud66.provider import Cloud66Provider

__all__ = ["Cloud66Provider"]

"""The environments of a project."""

from __future__ import annotations

from starlette.responses import Response

from tui.demo import lifecycle
from tui.demo.gitlab.call import Call
from tui.demo.gitlab.errors import bad_record, bad_request, forbidden
from tui.demo.gitlab.states import environment_state


def listed(call: Call) -> Response:
    project = call.project()
    rows = sorted(project.services, key=lambda one: one.environment.name)
    if not call.old:
        states = call.choice("states", ("available", "stopping", "stopped"))
        name, search = call.text("name"), call.text("search")
        if name is not None and search is not None:
            raise bad_request("name and search are mutually exclusive")
        if search is not None and len(search) < 3:
            raise bad_request("Search query must contain at least 3 characters")
        if name is not None:
            rows = [one for one in rows if one.environment.name == name]
        if search is not None:
            rows = [one for one in rows if search.lower() in one.environment.name.lower()]
        if states:
            rows = [one for one in rows if environment_state(call.world, one, call.site.forced) == states]
    return call.page(rows, lambda one: call.render.environment(one, project))


def shown(call: Call) -> Response:
    project, service = call.environment()
    return call.json(call.render.environment_alone(service, project))


def created(call: Call) -> Response:
    call.maintainers_only()
    project = call.project()
    name = call.required("name")
    if any(one.environment.name == name for one in project.services):
        raise bad_record(name=["has already been taken"])
    service = call.site.add_environment(project, name)
    call.world.calls["create-environment", service.id] += 1
    return call.json(call.render.environment(service, call.project()), 201)


def stopped(call: Call) -> Response:
    """200 even where there is nothing to stop: whether it stops shows in its state."""
    project, service = call.environment()
    if call.kept_out(service):
        if call.old:  # says nothing, and does nothing
            return call.json(call.render.environment_alone(service, project))
        raise forbidden()
    running = [one for one in service.active if one.live_from is not None]
    if running:
        if call.flag("force") or not call.server.on_stop or call.old:
            call.site.forced.add(running[0].id)
        for one in running[1:]:
            lifecycle.remove(call.world, one)
        lifecycle.stop(call.world, running[0])
    return call.json(call.render.environment_alone(service, project))


def deleted(call: Call) -> Response:
    call.maintainers_only()
    _, service = call.environment()
    if environment_state(call.world, service, call.site.forced) != "stopped":
        raise forbidden()
    call.world.calls["delete-environment", service.id] += 1
    call.site.delete_environment(service)
    return Response(b"", 204)

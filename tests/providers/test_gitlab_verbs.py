"""Everything that can be done to a GitLab deployment: the request, its preconditions, its refusals, its end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    CUT,
    SHA,
    Call,
    GitLabServer,
    approval,
    deployment,
    environment,
    gitlab,
    job,
    no_route,
    paged,
    project,
    refusal,
    rules,
    the_deployment,
    the_service,
    world,
)
from tui.model.action import Danger, Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Service
from tui.model.errors import Forbidden, NotFound, OutcomeUnknown, Refused
from tui.model.status import Status
from tui.providers.gitlab import GitLabProvider


def intent(verb: Verb, service: Service, deployment: Deployment | None = None, **options: str) -> Intent:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return Intent("i1", verb, service, deployment, options=named)


async def run(provider: GitLabProvider, wanted: Intent) -> Receipt:
    receipt = await provider.handlers[wanted.verb].run(wanted)
    assert receipt.outcome is Outcome.ACCEPTED
    return receipt


def called(server: GitLabServer) -> list[tuple[str, Any]]:
    return [(call.name, call.body) for call in server.mutations()]


# -- redeploy and rollback --------------------------------------------------------------------------------


async def test_redeploy_runs_the_job_of_what_serves_again_and_names_the_new_deployment() -> None:
    rows = [deployment(41), deployment(42, "failed", sha="b" * 40)]
    server = world(*rows, answers={"GET projects/7/deployments": paged(rows, environment="environment.name")})

    def retry(_: Call) -> Any:  # noqa: ANN401
        rows.append(deployment(43, "running"))
        return job(643, "pending")

    server.answers["POST projects/7/jobs/641/retry"] = retry
    async with gitlab(server) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.REDEPLOY, service)
        effect = provider.handlers[Verb.REDEPLOY].effect(wanted)
        assert effect.call == f"POST {server.url}/api/v4/projects/7/jobs/641/retry"
        assert effect.does == (
            "Runs the deploy job of deployment 41 (99d0367) “Merge branch 'new-title' into 'main'” of api in "
            "production again."
        )
        receipt = await run(provider, wanted)
    assert receipt.deployment is not None
    assert receipt.deployment.id == "43"
    assert called(server) == [("POST projects/7/jobs/641/retry", {})]


async def test_a_job_that_was_run_again_already_is_followed_to_its_newest_run() -> None:
    rows = [deployment(41), deployment(42, sha="b" * 40), deployment(43), deployment(44, sha="c" * 40)]
    server = world(*rows, answers={"POST projects/7/jobs/643/retry": job(645, "pending")})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.ROLLBACK, service, await the_deployment(provider, service, 41)))
    assert receipt.message == "deployment 43 was its newest run"
    assert receipt.deployment is None
    assert called(server) == [("POST projects/7/jobs/643/retry", {})]


async def test_a_manual_job_of_another_pipeline_on_the_same_commit_is_not_the_newest_run() -> None:
    rows = [deployment(41), deployment(42, "blocked"), deployment(43, "created", deployable=job(643, "created"))]
    server = world(*rows, answers={"POST projects/7/jobs/641/retry": job(645, "pending")})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.REDEPLOY, service))
    assert receipt.message == ""
    assert called(server) == [("POST projects/7/jobs/641/retry", {})]


async def test_a_run_that_is_under_way_is_not_doubled() -> None:
    rows = [deployment(41), deployment(42, "running")]
    async with gitlab(server := world(*rows)) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="deployment 42 has not ended: it is running"):
            await run(provider, intent(Verb.REDEPLOY, service))
    assert server.mutations() == []


async def test_going_back_to_what_serves_already_is_refused_before_anything_is_sent() -> None:
    rows = [deployment(41), deployment(42, sha="b" * 40), deployment(43)]
    async with gitlab(server := world(*rows)) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="runs that already, as deployment 43"):
            await run(provider, intent(Verb.ROLLBACK, service, await the_deployment(provider, service, 41)))
    assert server.mutations() == []


async def test_a_project_that_prevents_outdated_deployments_says_so_beforehand() -> None:
    closed = project(ci_forward_deployment_rollback_allowed=False)
    rows = [deployment(41), deployment(42, sha="b" * 40)]
    async with gitlab(world(*rows, found=closed)) as provider:
        service = await the_service(provider)
        older = await the_deployment(provider, service, 41)
        assert "prevents outdated deployments" in (provider.blocked(Verb.ROLLBACK, older) or "")
        assert provider.blocked(Verb.REDEPLOY, await the_deployment(provider, service, 42)) is None


async def test_settings_that_a_list_leaves_out_are_read_of_the_project_once() -> None:
    listed = {name: value for name, value in project().items() if not name.startswith("ci_")}
    whole = project(ci_forward_deployment_rollback_allowed=False)
    rows = [deployment(41), deployment(42, sha="b" * 40)]
    server = world(*rows, found=whole, answers={"GET groups/acme/projects": [listed]})
    async with gitlab(server, "acme/*") as provider:
        service = await the_service(provider)
        for _ in range(2):
            older = await the_deployment(provider, service, 41)
            assert "prevents outdated" in (provider.blocked(Verb.ROLLBACK, older) or "")
    assert len(server.named("GET projects/7")) == 1


async def test_what_gitlab_says_to_a_retry_is_told_in_plainer_words() -> None:
    rows = [deployment(41), deployment(42, sha="b" * 40)]
    path = "POST projects/7/jobs/641/retry"
    async with gitlab(server := world(*rows)) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.ROLLBACK, service, await the_deployment(provider, service, 41))
        server.answers[path] = refusal(403, "403 Forbidden - Job is not retryable")
        with pytest.raises(Refused, match="already re-run, archived or rejected"):
            await run(provider, wanted)
        server.answers[path] = refusal(403, "403 Forbidden")
        with pytest.raises(Forbidden) as raised:
            await run(provider, wanted)
        assert "Settings > CI/CD" in raised.value.remedy
        body = {"error": "insufficient_scope", "error_description": "Higher privileges.", "scope": "api"}
        server.answers[path] = JSONResponse(body, 403)
        with pytest.raises(Forbidden) as raised:
            await run(provider, wanted)
        assert raised.value.scope == "api"


async def test_an_external_deployment_has_no_job_to_run() -> None:
    async with gitlab(world(deployment(41, deployable=None))) as provider:
        service = await the_service(provider)
        assert "made through the API" in (provider.blocked(Verb.REDEPLOY, service) or "")
        with pytest.raises(Refused, match="made through the API"):
            await run(provider, intent(Verb.REDEPLOY, service))


async def test_a_rejected_deployment_is_not_run_again() -> None:
    rejected = deployment(42, "failed", deployable=job(642, "failed", failure_reason="deployment_rejected"))
    async with gitlab(server := world(deployment(41), rejected)) as provider:
        service = await the_service(provider)
        one = await the_deployment(provider, service, 42)
        assert "was rejected" in (provider.blocked(Verb.REDEPLOY, one) or "")
        with pytest.raises(Refused, match="was rejected"):
            await run(provider, intent(Verb.REDEPLOY, service, one))
    assert server.mutations() == []


async def test_a_lost_answer_is_unknown_and_nothing_is_sent_again() -> None:
    server = world(deployment(41), answers={"POST projects/7/jobs/641/retry": CUT})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        with pytest.raises(OutcomeUnknown):
            await run(provider, intent(Verb.REDEPLOY, service))
    assert len(server.mutations()) == 1


async def test_that_the_new_deployment_cannot_be_found_yet_is_no_failure() -> None:
    server = world(deployment(41), answers={"POST projects/7/jobs/641/retry": job(643, "pending")})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        usual = server.answers["GET projects/7/deployments"]
        server.answers["GET projects/7/deployments"] = lambda call: (
            Response(status_code=502) if server.mutations() else usual(call)
        )
        receipt = await run(provider, intent(Verb.REDEPLOY, service))
        assert receipt.deployment is None


# -- deploy -----------------------------------------------------------------------------------------------


async def test_deploying_what_is_manual_runs_its_job_with_variables_whose_values_are_not_shown() -> None:
    server = world(deployment(41), deployment(42, "blocked"), answers={"POST projects/7/jobs/642/play": job(642)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.DEPLOY, service, variables="LEVEL=debug,KEY=top\\,secret")
        effect = provider.handlers[Verb.DEPLOY].effect(wanted)
        assert effect.call.startswith(f"POST {server.url}/api/v4/projects/7/jobs/642/play ")
        assert "LEVEL" in effect.call
        assert "secret" not in effect.call
        assert effect.danger is Danger.ASK
        receipt = await run(provider, wanted)
    assert receipt.deployment is not None
    assert receipt.deployment.id == "42"
    variables = [{"key": "LEVEL", "value": "debug"}, {"key": "KEY", "value": "top,secret"}]
    assert called(server) == [("POST projects/7/jobs/642/play", {"job_variables_attributes": variables})]


async def test_deploying_what_lacks_approvals_is_refused() -> None:
    waiting = deployment(42, "blocked") | rules(("qa", 1, []))
    async with gitlab(server := world(deployment(41), waiting)) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="1 approval is missing"):
            await run(provider, intent(Verb.DEPLOY, service))
    assert server.mutations() == []


async def test_a_new_pipeline_warns_that_everything_runs_and_is_followed_to_its_end() -> None:
    server = world(deployment(41), answers={"POST projects/7/pipeline": {"id": 99, "status": "created"}})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.DEPLOY, service, ref="release/7", variables="A=1")
        effect = provider.handlers[Verb.DEPLOY].effect(wanted)
        assert any("everything" in warning for warning in effect.warnings)
        assert effect.danger is Danger.TYPE
        receipt = await run(provider, wanted)
        assert called(server)[0][1] == {"ref": "release/7", "variables": [{"key": "A", "value": "1"}]}
        told = []
        for status in ("running", "waiting_for_resource", "success", "failed", "manual"):
            server.answers["GET projects/7/pipelines/99"] = {"id": 99, "status": status}
            told.append((await provider.progress(receipt)).ok)
        assert told == [None, None, True, False, True]


async def test_without_a_ref_the_pipeline_runs_on_the_branch_that_serves() -> None:
    async with gitlab(world(deployment(41, ref="stable"))) as provider:
        service = await the_service(provider)
        effect = provider.handlers[Verb.DEPLOY].effect(intent(Verb.DEPLOY, service))
        assert effect.call.endswith('/projects/7/pipeline {"ref":"stable"}')


async def test_what_gitlab_says_of_a_bad_ref_is_told() -> None:
    answer = JSONResponse({"message": {"base": ["Reference not found"]}}, 400)
    async with gitlab(world(deployment(41), answers={"POST projects/7/pipeline": answer})) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="refused: Reference not found"):
            await run(provider, intent(Verb.DEPLOY, service, ref="nope"))


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        (Verb.DEPLOY, {"ref": "two words"}),
        (Verb.DEPLOY, {"variables": "novalue"}),
        (Verb.DEPLOY, {"branch": "main"}),
        (Verb.REDEPLOY, {"ref": "main"}),
        (Verb.CANCEL, {"force": "perhaps"}),
        (Verb.RECORD, {"sha": "abc", "ref": "main"}),
        (Verb.RECORD, {"sha": "a" * 40}),
        (Verb.RECORD, {"sha": "a" * 40, "ref": "main", "status": "created"}),
        (Verb.SET_STATUS, {}),
        (Verb.SET_STATUS, {"status": "done"}),
        (Verb.STOP, {"force": "maybe"}),
        (Verb.APPROVE, {"represented_as_": "x"}),
    ],
)
async def test_nonsense_is_refused_before_anything_is_sent(verb: Verb, options: dict[str, str]) -> None:
    async with gitlab(server := world(deployment(41, "running", deployable=None))) as provider:
        service = await the_service(provider)
        wanted = Intent("i1", verb, service, options=options)
        before = len(server.calls)
        with pytest.raises(Refused):
            provider.handlers[verb].effect(wanted)
        with pytest.raises(Refused):
            await provider.handlers[verb].run(wanted)
        assert all(call.method == "GET" for call in server.calls[before:])


# -- cancel -----------------------------------------------------------------------------------------------


async def test_cancel_ends_the_job_and_follows_its_deployment() -> None:
    server = world(
        deployment(41),
        deployment(42, "running"),
        answers={"POST projects/7/jobs/642/cancel": job(642, "canceling")},
    )
    async with gitlab(server) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.CANCEL, service, force="yes"))
    assert receipt.deployment is not None
    assert receipt.deployment.id == "42"
    assert called(server) == [("POST projects/7/jobs/642/cancel", {"force": True})]


async def test_a_trigger_job_is_canceled_with_its_pipeline_which_is_said() -> None:
    bridge = job(642, "running", downstream_pipeline={"id": 50})
    rows = [deployment(41), deployment(42, "running", deployable=bridge)]
    server = world(*rows, answers={"POST projects/7/pipelines/36/cancel": {"id": 36, "status": "canceled"}})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        effect = provider.handlers[Verb.CANCEL].effect(intent(Verb.CANCEL, service))
        assert "whole pipeline" in effect.does
        assert effect.danger is Danger.TYPE
        await run(provider, intent(Verb.CANCEL, service))
    assert called(server) == [("POST projects/7/pipelines/36/cancel", {})]


async def test_a_job_that_cannot_be_canceled_alone_leaves_the_choice_of_its_pipeline() -> None:
    server = world(deployment(42, "running"))
    server.answers["POST projects/7/jobs/642/cancel"] = refusal(404, "404 Not found")
    server.answers["POST projects/7/pipelines/36/cancel"] = {"id": 36}
    async with gitlab(server) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused) as raised:
            await run(provider, intent(Verb.CANCEL, service))
        assert "pipeline=yes" in raised.value.remedy
        await run(provider, intent(Verb.CANCEL, service, pipeline="yes"))
    assert [name for name, _ in called(server)][-1] == "POST projects/7/pipelines/36/cancel"


async def test_an_external_deployment_is_marked_as_canceled() -> None:
    row = deployment(42, "running", deployable=None)
    async with gitlab(server := world(row, answers={"PUT projects/7/deployments/42": row})) as provider:
        service = await the_service(provider)
        effect = provider.handlers[Verb.CANCEL].effect(intent(Verb.CANCEL, service))
        assert any("is not stopped" in warning for warning in effect.warnings)
        await run(provider, intent(Verb.CANCEL, service))
    assert called(server) == [("PUT projects/7/deployments/42", {"status": "canceled"})]


# -- records ----------------------------------------------------------------------------------------------


async def test_recording_writes_exactly_what_is_shown() -> None:
    server = world(deployment(41), answers={"POST projects/7/deployments": deployment(50, deployable=None)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.RECORD, service, sha=SHA, ref="v1.2", tag="yes", status="running", environment="qa")
        effect = provider.handlers[Verb.RECORD].effect(wanted)
        assert any("no environment qa, it is made" in warning for warning in effect.warnings)
        receipt = await run(provider, wanted)
    body = {"environment": "qa", "sha": SHA, "ref": "v1.2", "tag": True, "status": "running"}
    assert called(server) == [("POST projects/7/deployments", body)]
    assert receipt.deployment is not None
    assert receipt.deployment.id == "50"


async def test_what_gitlab_says_of_a_record_is_told() -> None:
    answer = JSONResponse({"message": {"ref": ["The branch or tag does not exist"]}}, 400)
    async with gitlab(world(deployment(41), answers={"POST projects/7/deployments": answer})) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="ref: The branch or tag does not exist"):
            await run(provider, intent(Verb.RECORD, service, sha=SHA, ref="nope"))


async def test_the_status_of_an_external_deployment_is_set() -> None:
    row = deployment(42, "running", deployable=None)
    server = world(row, answers={"PUT projects/7/deployments/42": row | {"status": "success"}})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        assert provider.blocked(Verb.SET_STATUS, service) is None
        await run(provider, intent(Verb.SET_STATUS, service, status="success"))
    assert called(server) == [("PUT projects/7/deployments/42", {"status": "success"})]


async def test_gitlab_ci_sets_the_status_of_its_own() -> None:
    said = "403 Forbidden - Deployments created using GitLab CI can not be updated using the API"
    async with gitlab(server := world(deployment(42), answers={"PUT projects/7/deployments/42": None})) as provider:
        service = await the_service(provider)
        assert "GitLab CI sets the status" in (provider.blocked(Verb.SET_STATUS, service) or "")
        server.answers["PUT projects/7/deployments/42"] = refusal(403, said)
        with pytest.raises(Refused, match="made by GitLab CI, which sets its status itself"):
            await run(provider, intent(Verb.SET_STATUS, service, status="failed"))


async def test_removing_takes_the_record_away_and_its_answer_has_no_body() -> None:
    rows = [deployment(41), deployment(42, sha="b" * 40)]
    server = world(*rows, answers={"DELETE projects/7/deployments/41": Response(status_code=204)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        older = await the_deployment(provider, service, 41)
        receipt = await run(provider, intent(Verb.REMOVE, service, older))
        assert receipt.deployment == older.ref
        server.answers["GET projects/7/deployments/41"] = refusal(404, "404 Not found")
        with pytest.raises(NotFound):
            await provider.deployment(older.ref, service)
    assert called(server) == [("DELETE projects/7/deployments/41", None)]


async def test_what_runs_or_serves_is_not_removed() -> None:
    rows = [deployment(41), deployment(42, "running"), deployment(40)]
    async with gitlab(server := world(*rows)) as provider:
        service = await the_service(provider)
        for id_, word in ((41, "one that is deployed"), (42, "cancel it instead")):
            one = await the_deployment(provider, service, id_)
            assert word in (provider.blocked(Verb.REMOVE, one) or "")
        other = await the_deployment(provider, service, 40)
        for said, told in (
            ("Cannot destroy running deployment", "running deployment cannot be removed"),
            ("400 Deployment currently deployed to environment", "the one that is deployed"),
        ):
            server.answers["DELETE projects/7/deployments/40"] = refusal(400, said)
            with pytest.raises(Refused, match=told):
                await run(provider, intent(Verb.REMOVE, service, other))
        server.answers["DELETE projects/7/deployments/40"] = no_route()
        with pytest.raises(Refused, match=r"15\.3"):
            await run(provider, intent(Verb.REMOVE, service, other))


# -- approvals ----------------------------------------------------------------------------------------------


def waiting(*given: tuple[str, int, list[Any]]) -> GitLabServer:
    row = deployment(42, "blocked") | rules(*given)
    server = world(deployment(41), row, answers={"POST projects/7/deployments/42/approval": approval()})
    return server


async def test_an_approval_names_the_rule_and_tells_what_is_still_missing() -> None:
    async with gitlab(server := waiting(("qa", 1, []), ("security", 2, [approval()]))) as provider:
        service = await the_service(provider)
        wanted = intent(Verb.APPROVE, service, represented_as="qa", comment="looks good")
        effect = provider.handlers[Verb.APPROVE].effect(wanted)
        assert any("does not deploy" in warning for warning in effect.warnings)
        receipt = await run(provider, wanted)
        body = {"status": "approved", "comment": "looks good", "represented_as": "qa"}
        assert called(server) == [("POST projects/7/deployments/42/approval", body)]
        server.answers["GET projects/7/deployments/42"] = deployment(42, "blocked") | rules(
            ("qa", 1, [approval(by="Ada")]), ("security", 2, [approval()])
        )
        progress = await provider.progress(receipt)
        assert (progress.ok, progress.message) == (True, "approved; 1 more approval missing (security 1)")


async def test_the_last_approval_leaves_a_manual_job_to_be_deployed() -> None:
    async with gitlab(server := waiting(("qa", 1, []))) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.APPROVE, service))
        server.answers["GET projects/7/deployments/42"] = deployment(42, "blocked") | rules(("qa", 1, [approval()]))
        progress = await provider.progress(receipt)
        assert (progress.ok, progress.message) == (True, "approved; its job is manual: deploy it now")
        latest = (await the_service(provider)).latest
        assert latest is not None
        assert (latest.status_raw, latest.note) == ("manual", "Approved; deploy it to run its job.")
        assert provider.blocked(Verb.DEPLOY, latest) is None


async def test_where_approving_starts_the_job_it_is_followed_to_its_end() -> None:
    clock = FakeClock()
    counted = {"pending_approval_count": 1, "approvals": []}
    row = deployment(42, "blocked") | counted
    server = world(deployment(41), row, answers={"POST projects/7/deployments/42/approval": approval()})
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert [(rule.who, rule.missing) for rule in service.latest.approvals] == [("approvers", 1)]
        receipt = await run(provider, intent(Verb.APPROVE, service))
        told = []
        given = {"pending_approval_count": 0, "approvals": [approval()]}
        for status in ("blocked", "running", "success"):
            server.answers["GET projects/7/deployments/42"] = deployment(42, status) | given
            told.append((await provider.progress(receipt)).ok)
        assert told == [None, None, True]
        server.answers["GET projects/7/deployments/42"] = deployment(42, "blocked") | given
        late = replace(receipt, at=receipt.at - timedelta(minutes=1))
        assert (await provider.progress(late)).ok is True


async def test_a_rejection_ends_when_the_job_has_failed() -> None:
    async with gitlab(server := waiting(("qa", 1, []))) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.REJECT, service))
        assert called(server) == [("POST projects/7/deployments/42/approval", {"status": "rejected"})]
        assert (await provider.progress(receipt)).ok is None
        rejected = job(642, "failed", failure_reason="deployment_rejected")
        server.answers["GET projects/7/deployments/42"] = deployment(42, "failed", deployable=rejected)
        progress = await provider.progress(receipt)
        assert (progress.ok, progress.message) == (True, "rejected")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("You cannot approve your own deployment. This configuration can be adjusted.", "of their own"),
        ("This deployment is not waiting for approvals.", "not waiting for approvals"),
        (
            "There are no approval rules for the given `represent_as` parameter. Use another.",
            "no approval",
        ),
    ],
)
async def test_what_gitlab_says_to_an_approval_is_told(said: str, told: str) -> None:
    async with gitlab(server := waiting(("qa", 1, []))) as provider:
        server.answers["POST projects/7/deployments/42/approval"] = refusal(400, said)
        service = await the_service(provider)
        with pytest.raises(Refused, match=told) as raised:
            await run(provider, intent(Verb.APPROVE, service))
        assert ("qa" in raised.value.remedy) == ("rules" in said)


async def test_a_server_without_approvals_is_remembered() -> None:
    async with gitlab(server := waiting(("qa", 1, []))) as provider:
        server.answers["POST projects/7/deployments/42/approval"] = no_route()
        service = await the_service(provider)
        with pytest.raises(Refused, match="has no deployment approvals"):
            await run(provider, intent(Verb.APPROVE, service))
        assert "14.8" in (provider.blocked(Verb.APPROVE, await the_service(provider)) or "")


async def test_what_does_not_wait_is_not_approved() -> None:
    async with gitlab(server := world(deployment(41), deployment(42, "blocked"))) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="its job is manual"):
            await run(provider, intent(Verb.APPROVE, service))
        with pytest.raises(Refused, match="it is success"):
            await run(provider, intent(Verb.APPROVE, service, await the_deployment(provider, service, 41)))
    assert server.mutations() == []


# -- stop ---------------------------------------------------------------------------------------------------


async def test_stopping_is_followed_from_stopping_to_stopped() -> None:
    server = world(deployment(41), answers={"POST projects/7/environments/9/stop": None})
    server.answers["POST projects/7/environments/9/stop"] = JSONResponse(environment(state="stopping"), 200)
    async with gitlab(server) as provider:
        service = await the_service(provider)
        receipt = await run(provider, intent(Verb.STOP, service))
        server.answers["GET projects/7/environments/9"] = environment(state="stopping")
        assert (await provider.progress(receipt)).ok is None
        server.answers["GET projects/7/environments/9"] = environment(state="stopped")
        server.answers["GET projects/7/environments"] = []
        assert (await provider.progress(receipt)).ok is True
        assert (await the_service(provider)).status is Status.STOPPED
    assert called(server) == [("POST projects/7/environments/9/stop", {})]


async def test_an_environment_that_is_available_after_a_stop_was_not_stopped() -> None:
    server = world(deployment(41))
    server.answers["POST projects/7/environments/9/stop"] = JSONResponse(environment(), 200)
    async with gitlab(server) as provider:
        service = await the_service(provider)
        with pytest.raises(Refused, match="still available"):
            await run(provider, intent(Verb.STOP, service))


async def test_forcing_a_stop_says_that_nothing_is_taken_down() -> None:
    server = world(deployment(41))
    server.answers["POST projects/7/environments/9/stop"] = JSONResponse(environment(state="stopped"), 200)
    async with gitlab(server) as provider:
        service = await the_service(provider)
        effect = provider.handlers[Verb.STOP].effect(intent(Verb.STOP, service, force="yes"))
        assert "goes on running" in effect.warnings[0]
        await run(provider, intent(Verb.STOP, service, force="yes"))
    assert called(server) == [("POST projects/7/environments/9/stop", {"force": True})]


async def test_an_operation_nobody_knows_is_not_found() -> None:
    async with gitlab(world(deployment(41))) as provider:
        service = await the_service(provider)
        receipt = Receipt(intent(Verb.STOP, service), Outcome.ACCEPTED, FakeClock().now(), operation="dance:7:1")
        with pytest.raises(NotFound):
            await provider.progress(receipt)

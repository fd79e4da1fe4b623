"""The JSON of GitLab's things."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.cast import Commit, Person
from tui.demo.clock import DAY, MINUTE, SECOND, rfc3339_ms
from tui.demo.entities import Deployment, Service
from tui.demo.gitlab.approvals import RULES, Approval, pending
from tui.demo.gitlab.ids import (
    deployment_number,
    environment_number,
    group_number,
    job_number,
    pipeline_number,
)
from tui.demo.gitlab.site import Pipeline, Project, Site, people
from tui.demo.gitlab.states import (
    REJECTED,
    awaits_play,
    deployment_status,
    environment_state,
    finished_at,
    job_status,
    newest_success,
    settled,
    started_at,
    updated_at,
)

Json = dict[str, object]
RUNNER = "gitlab-runner 18.7.1 (e5a4c1d2)"


@dataclass(frozen=True, slots=True)
class Render:
    """`root` is how the client reaches the server; `old`: as a server of the 12.x years says it."""

    site: Site
    root: str
    old: bool = False

    def user(self, person: Person) -> Json:
        names = [one.login for one in people()]
        number = names.index(person.login) + 1 if person.login in names else 900
        return {
            "id": number,
            "username": person.login,
            "name": person.name,
            "state": "active",
            "avatar_url": None,
            "web_url": f"{self.root}/{person.login}",
        }

    def user_at_length(self, person: Person) -> Json:
        """As a job has it."""
        silent = ("location", "skype", "linkedin", "twitter", "website_url", "organization", "public_email")
        since = rfc3339_ms(self.site.world.started_at - 900 * DAY)
        return {**self.user(person), "created_at": since, "bio": None, **dict.fromkeys(silent, "")}

    def group(self, number: int, path: str) -> Json:
        return {
            "id": number,
            "name": path.rpartition("/")[2],
            "path": path.rpartition("/")[2],
            "full_path": path,
            "full_name": path.replace("/", " / "),
            "visibility": "private",
            "web_url": f"{self.root}/groups/{path}",
        }

    def project(self, project: Project) -> Json:
        group = project.group
        row: Json = {
            "id": project.id,
            "description": None,
            "name": project.name,
            "name_with_namespace": project.path.replace("/", " / "),
            "path": project.name,
            "path_with_namespace": project.path,
            "created_at": rfc3339_ms(project.created_at),
            "default_branch": "main",
            "web_url": self.web(project),
            "archived": False,
            "visibility": "private",
            "last_activity_at": rfc3339_ms(self.site.world.now),
            "namespace": {
                "id": group_number(group),
                "name": group.name,
                "path": group.name,
                "kind": "group",
                "full_path": f"{group.workspace.name}/{group.name}",
            },
        }
        if not self.old:
            row |= {
                "builds_access_level": "enabled",
                "environments_access_level": "enabled",
                "ci_forward_deployment_enabled": True,
                "ci_forward_deployment_rollback_allowed": not project.rollback_forbidden,
            }
        return row

    def web(self, project: Project) -> str:
        return f"{self.root}/{project.path}"

    def environment(self, service: Service, project: Project) -> Json:
        world = self.site.world
        name = service.environment.name
        row: Json = {
            "id": environment_number(service),
            "name": name,
            "slug": _slug(name),
            "external_url": f"https://{service.host}" if service.host else None,
            "state": environment_state(world, service, self.site.forced),
        }
        if self.old:
            if row["state"] == "stopping":
                row["state"] = "available"
            return row
        opened = service.environment.created_at
        closes = opened + 3 * DAY if service.environment.pull_request is not None else None
        return row | {
            "tier": tier(name),
            "created_at": rfc3339_ms(opened),
            "updated_at": rfc3339_ms(opened),
            "auto_stop_at": rfc3339_ms(closes) if closes else None,
            "kubernetes_namespace": None,
            "flux_resource_path": None,
            "description": None,
        }

    def environment_alone(self, service: Service, project: Project) -> Json:
        """With what was deployed to it last."""
        last = next(iter(service.deployments), None) if self.old else newest_success(service)
        return {
            **self.environment(service, project),
            "last_deployment": None if last is None else self.deployment(last, project),
        }

    def deployment(self, one: Deployment, project: Project) -> Json:
        service = one.service
        row: Json = {
            "id": deployment_number(one),
            "iid": project.iid(one),
            "ref": one.commit.branch,
            "sha": one.commit.sha,
            "created_at": rfc3339_ms(one.created_at),
            "updated_at": rfc3339_ms(updated_at(one)),
            "user": self.user(one.creator),
            "environment": {
                "id": environment_number(service),
                "name": service.environment.name,
                "external_url": f"https://{service.host}" if service.host else None,
            },
            "deployable": None if one.external else self.job(one, "deploy", project),
        }
        if self.old:
            return row
        return {**row, "status": deployment_status(one)}

    def deployment_alone(self, one: Deployment, project: Project, premium: bool) -> Json:
        """With its approvals, which a list does not have."""
        row = self.deployment(one, project)
        if self.old or not premium:
            return row
        approvals = self.site.approvals.get(one.id, [])
        guarded = bool(approvals) or (awaits_play(one) and one.phase.value == "needs-approval")
        row["pending_approval_count"] = pending(approvals) if guarded and awaits_play(one) else 0
        row["approvals"] = [self.approval(each) for each in approvals]
        rules: list[Json] = []
        if guarded:
            rules = [
                {
                    "user_id": None,
                    "group_id": rule.group_id,
                    "access_level": rule.access_level,
                    "access_level_description": rule.name,
                    "required_approvals": rule.required,
                    "deployment_approvals": [self.approval(each) for each in rule.given(approvals)],
                }
                for rule in RULES
            ]
        row["approval_summary"] = {"rules": rules}
        return row

    def approval(self, one: Approval) -> Json:
        return {
            "user": self.user(one.person),
            "status": one.status,
            "created_at": rfc3339_ms(one.created_at),
            "comment": one.comment,
        }

    def commit(self, commit: Commit, at: int) -> Json:
        return {
            "id": commit.sha,
            "short_id": commit.sha[:8],
            "title": commit.message.partition("\n")[0],
            "message": commit.message,
            "author_name": commit.author.name,
            "author_email": commit.author.email,
            "authored_date": rfc3339_ms(at).replace("Z", "+00:00"),
            "created_at": rfc3339_ms(at + 2 * 3600 * SECOND).replace("Z", "+02:00"),
            "parent_ids": [],
        }

    def job(self, one: Deployment, stage: str, project: Project) -> Json:
        status, began, ended = self._course(one, stage)
        row: Json = {
            "id": job_number(one, stage),
            "status": status,
            "stage": stage,
            "name": stage,
            "ref": one.commit.branch,
            "tag": False,
            "coverage": None,
            "created_at": rfc3339_ms(one.created_at - (3 * MINUTE if stage != "deploy" else 0)),
            "started_at": None if began is None else rfc3339_ms(began),
            "finished_at": None if ended is None else rfc3339_ms(ended),
            "user": self.user_at_length(
                self.site.players.get(one.id, one.creator) if stage == "deploy" else one.creator
            ),
            "commit": self.commit(one.commit, one.created_at - 4 * MINUTE),
            "pipeline": self.pipeline_of(one, project),
            "artifacts": [],
            "runner": None,
        }
        if self.old:
            return row
        if began is not None:
            row["runner"] = {"id": 12, "description": "shared-1", "active": True, "is_shared": True}
        row |= {
            "allow_failure": False,
            "erased_at": None,
            "duration": None if began is None else ((ended or self.site.world.now) - began) / SECOND,
            "queued_duration": None if began is None else max(0, began - one.created_at) / SECOND,
            "web_url": f"{self.web(project)}/-/jobs/{job_number(one, stage)}",
            "project": {"ci_job_token_scope_enabled": False},
            "artifacts_expire_at": None,
            "tag_list": [],
        }
        if status == "failed":
            row["failure_reason"] = "deployment_rejected" if one.reason == REJECTED else "script_failure"
        return row

    def _course(self, one: Deployment, stage: str) -> tuple[str, int | None, int | None]:
        """The job's status, start and end."""
        if stage == "deploy":
            status = job_status(one)
            if one.id in self.site.canceling and status == "running":
                status = "canceling"
            return status, started_at(one), None if one.word else finished_at(one)
        place = 2 if stage == "build" else 1  # both were done before the deployment was made
        return "success", one.created_at - place * MINUTE, one.created_at - (place - 1) * MINUTE - SECOND

    def pipeline_of(self, one: Deployment, project: Project) -> Json:
        first = self.site.first(one)
        last = first
        while last.id in self.site.retried:
            last = self.site.retried[last.id]
        return self.pipeline(Pipeline(pipeline_number(first), project, [first] if last is first else [first, last]))

    def pipeline(self, pipeline: Pipeline) -> Json:
        """As lists and jobs show it."""
        first, last = pipeline.runs[0], pipeline.runs[-1]
        project = pipeline.project
        row: Json = {
            "id": pipeline.id,
            "sha": first.commit.sha,
            "ref": first.commit.branch,
            "status": pipeline_status(last),
            "created_at": rfc3339_ms(_made_at(first)),
            "updated_at": rfc3339_ms(updated_at(last)),
            "web_url": f"{self.web(project)}/-/pipelines/{pipeline.id}",
        }
        if not self.old:
            source = pipeline_source(first)
            row |= {"iid": project.iid(first), "project_id": project.id, "source": source}
        return row

    def pipeline_alone(self, pipeline: Pipeline) -> Json:
        first, last = pipeline.runs[0], pipeline.runs[-1]
        ended = finished_at(last) if settled(deployment_status(last)) else None
        return {
            **self.pipeline(pipeline),
            "user": self.user(first.creator),
            "tag": False,
            "yaml_errors": None,
            "started_at": rfc3339_ms(max(_made_at(first), first.created_at - 2 * MINUTE)),
            "finished_at": None if ended is None else rfc3339_ms(ended),
            "coverage": None,
        }


def pipeline_source(first: Deployment) -> str:
    return "push" if first.trigger == "push" else "api"


def _made_at(first: Deployment) -> int:
    """What was pushed was built before it was deployed; what was asked for begins with its deployment."""
    return first.created_at if first.trigger == "deploy" else first.created_at - 3 * MINUTE


def pipeline_status(last: Deployment) -> str:
    status = job_status(last)
    if status in ("success", "failed", "canceled", "skipped", "manual", "waiting_for_resource"):
        return status
    return "running"  # its first jobs are done


def tier(name: str) -> str:
    head = name.partition("/")[0]
    return {"production": "production", "staging": "staging", "review": "development"}.get(head, "other")


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())[:24].strip("-")

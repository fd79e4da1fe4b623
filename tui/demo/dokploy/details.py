"""One service with everything that Dokploy has of it, the secrets too: application.one, compose.one, <database>.one."""

from __future__ import annotations

from tui.demo.clock import rfc3339_ms
from tui.demo.dokploy import ids
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import ENV, SECRETS
from tui.demo.dokploy.words import ORGANIZATION, Wire, brief, deployment
from tui.demo.entities import Environment, Project, Service


def details(service: Service, site: Site) -> Wire:
    type_ = ids.type_of(service)
    shown = {
        **brief(service, site),
        "env": ENV,
        "environmentId": ids.nanoid("environment", service.environment.id),
        "environment": environment_with_project(service.environment),
        "server": None,
        "mounts": [],
    }
    if type_ in ids.DATABASES:
        return shown | _database(service)
    # Not sorted: as they were inserted.
    shown["deployments"] = [deployment(one, site) for one in reversed(site.rows(service))]
    shown |= dict.fromkeys(_OF_NO_GIT_PROVIDER)
    return shown | (_compose(service) if type_ == "compose" else _application(service))


def environment_with_project(one: Environment) -> Wire:
    return {**environment_row(one), "project": project_row(one.project)}


def environment_row(one: Environment) -> Wire:
    return {
        "environmentId": ids.nanoid("environment", one.id),
        "name": one.name,
        "description": f"{one.name.title()} environment",
        "createdAt": rfc3339_ms(one.created_at),
        "env": ENV,
        "projectId": ids.nanoid("project", one.project.id),
        "isDefault": one.name == "production",
    }


def project_row(one: Project) -> Wire:
    return {
        "projectId": ids.nanoid("project", one.id),
        "name": one.name,
        "description": None,
        "createdAt": rfc3339_ms(one.created_at),
        "organizationId": ORGANIZATION,
        "env": ENV,
    }


def _application(service: Service) -> Wire:
    return {
        **dict.fromkeys(_EMPTY_OF_APPLICATIONS),
        "refreshToken": SECRETS[3],
        "sourceType": "git",
        "customGitUrl": f"https://git.tools.example/{service.repo}.git",
        "customGitBranch": "main",
        "customGitBuildPath": "/",
        "buildType": "dockerfile" if service.language == "go" else "nixpacks",
        "dockerfile": "Dockerfile",
        "dockerContextPath": "",
        "dockerBuildStage": "",
        "railpackVersion": "0.15.4",
        "herokuVersion": "24",
        "replicas": service.replicas,
        "triggerType": "push",
        "autoDeploy": True,
        "createEnvFile": True,
        "rollbackActive": True,
        "rollbackRegistryId": ids.nanoid("registry"),
        "rollbackRegistry": {
            "registryId": ids.nanoid("registry"),
            "registryName": "tools",
            "imagePrefix": "acme",
            "username": "ops",
            "registryUrl": "registry.tools.example",
            "createdAt": rfc3339_ms(service.environment.created_at),
            "registryType": "cloud",
            "organizationId": ORGANIZATION,
        },
        "previewPort": 3000,
        "previewHttps": False,
        "previewPath": "/",
        "previewCertificateType": "none",
        "previewLimit": 3,
        "isPreviewDeploymentsActive": False,
        "previewRequireCollaboratorPermissions": True,
        "previewDeployments": [],
        "cleanCache": False,
        "enableSubmodules": False,
        "detachDokployNetwork": False,
        "hasGitProviderAccess": True,
        "icon": None,
        **dict.fromkeys(("buildPath", "gitlabBuildPath", "giteaBuildPath", "bitbucketBuildPath"), "/"),
        **{name: [] for name in ("networkIds", "redirects", "security", "ports", "watchPaths")},
        "domains": domains(service),
    }


def domains(service: Service) -> list[Wire]:
    if service.host is None:
        return []
    type_ = ids.type_of(service)
    return [
        {
            "domainId": ids.nanoid("domain", service.id),
            "host": service.host,
            "https": True,
            "path": "/",
            "port": 3000,
            "domainType": type_,
            "applicationId": ids.service_id(service) if type_ == "application" else None,
            "composeId": ids.service_id(service) if type_ == "compose" else None,
            "certificateType": "letsencrypt",
            "createdAt": rfc3339_ms(service.environment.created_at),
        }
    ]


def _compose(service: Service) -> Wire:
    return {
        "composeFile": f"services:\n  web:\n    image: acme/{service.name}\n  db:\n    image: postgres:17\n",
        "refreshToken": SECRETS[3],
        "sourceType": "git",
        "customGitUrl": f"https://git.tools.example/{service.repo}.git",
        "customGitBranch": "main",
        "composeType": "stack" if service.kind == "stack" else "docker-compose",
        "composePath": "./docker-compose.yml",
        "command": "",
        "suffix": "",
        "triggerType": "push",
        "autoDeploy": True,
        "createEnvFile": True,
        "enableSubmodules": False,
        "randomize": False,
        "isolatedDeployment": False,
        "isolatedDeploymentsVolume": False,
        "hasGitProviderAccess": True,
        "icon": None,
        "watchPaths": None,
        "serviceNetworks": [],
        "backups": [],
        "domains": domains(service),
    }


def _database(service: Service) -> Wire:
    return {
        "databaseName": "tools",
        "databaseUser": "tools",
        "databasePassword": SECRETS[2],
        "dockerImage": service.image,
        "command": None,
        "args": None,
        "externalPort": None,
        "replicas": service.replicas,
        "networkIds": [],
        "detachDokployNetwork": False,
        "backups": [],
    }


def _columns(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_OF_NO_GIT_PROVIDER = _columns(
    """
    repository owner branch gitlabProjectId gitlabRepository gitlabOwner gitlabBranch gitlabPathNamespace
    bitbucketRepository bitbucketRepositorySlug bitbucketOwner bitbucketBranch giteaRepository giteaOwner giteaBranch
    customGitSSHKeyId githubId gitlabId bitbucketId giteaId github gitlab bitbucket gitea unauthorizedProvider
    """
)
_EMPTY_OF_APPLICATIONS = _columns(
    """
    previewEnv previewBuildArgs previewBuildSecrets previewLabels previewWildcard previewCustomCertResolver
    buildArgs buildSecrets memoryReservation memoryLimit cpuReservation cpuLimit title enabled subtitle command args
    username password dockerImage registryUrl dropBuildPath healthCheckSwarm restartPolicySwarm placementSwarm
    updateConfigSwarm rollbackConfigSwarm modeSwarm labelsSwarm networkSwarm stopGracePeriodSwarm endpointSpecSwarm
    ulimitsSwarm publishDirectory isStaticSpa registryId buildServerId buildRegistryId registry buildRegistry
    """
)

"""Every GraphQL document that is sent to Railway, in one place, so that one test holds all of them to its schema.

None selects `service` or `environment` under Deployment: where the id beside it is null, Railway fails the whole
query ("Problem processing request"). The id fields say the same.
"""

from __future__ import annotations

from functools import cache

_DEPLOYMENT = """
fragment DeploymentFields on Deployment {
  id status statusUpdatedAt createdAt url staticUrl meta canRedeploy canRollback deploymentStopped
  creator { id name email }
  instances { id status }
}
"""

_LOG = """
fragment LogFields on Log {
  timestamp message severity attributes { key value } tags { deploymentId deploymentInstanceId }
}
"""

_HTTP_LOG = """
fragment HttpLogFields on HttpLog {
  timestamp requestId method path host httpStatus totalDuration srcIp clientUa txBytes
  upstreamErrors responseDetails deploymentId deploymentInstanceId
}
"""

_EVENT = "id step createdAt completedAt payload { attempt detail durationMs error maxAttempts reason skipped }"

# -- who am I, what do I see ------------------------------------------------------------------------

API_TOKEN = "query ApiToken { apiToken { workspaces { id name } } }"
PROJECT_TOKEN = """
query ProjectToken {
  projectToken { name projectId environmentId project { id name } environment { id name } }
}
"""
ME = "query Me { me { id name email } }"
_ENVIRONMENTS = """
    edges { node { id name isEphemeral canAccess deletedAt } }
    pageInfo { hasNextPage endCursor }
"""
PROJECTS = f"""
query Projects($workspaceId: String, $first: Int, $after: String) {{
  projects(workspaceId: $workspaceId, first: $first, after: $after) {{
    edges {{ node {{ id name deletedAt environments {{ {_ENVIRONMENTS} }} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
ENVIRONMENTS = f"""
query Environments($projectId: String!, $first: Int, $after: String) {{
  environments(projectId: $projectId, first: $first, after: $after) {{ {_ENVIRONMENTS} }}
}}
"""
EXTERNAL_WORKSPACES = f"""
query ExternalWorkspaces {{
  externalWorkspaces {{
    id name
    projects {{ id name deletedAt environments {{ {_ENVIRONMENTS} }} }}
  }}
}}
"""
_SERVICES = """
    edges { node {
      id serviceId serviceName numReplicas
      domains { serviceDomains { domain } customDomains { domain } }
      latestDeployment { ...DeploymentFields }
      activeDeployments { ...DeploymentFields }
    } }
    pageInfo { hasNextPage endCursor }
"""
MORE_SERVICES = (
    f"""
query MoreServices($environmentId: String!, $projectId: String, $first: Int, $after: String) {{
  environment(id: $environmentId, projectId: $projectId) {{
    serviceInstances(first: $first, after: $after) {{ {_SERVICES} }}
  }}
}}
"""
    + _DEPLOYMENT
)


@cache
def inventory(count: int) -> str:
    """Return a query for the services of `count` environments: variables `environmentId0`, `projectId0`…, `first`."""
    given = ", ".join(f"$environmentId{n}: String!, $projectId{n}: String" for n in range(count))
    asked = "\n".join(
        f"  a{n}: environment(id: $environmentId{n}, projectId: $projectId{n}) {{ ...Services }}" for n in range(count)
    )
    services = f"\nfragment Services on Environment {{ serviceInstances(first: $first) {{ {_SERVICES} }} }}\n"
    return f"query Inventory($first: Int, {given}) {{\n{asked}\n}}" + services + _DEPLOYMENT


# -- deployments ------------------------------------------------------------------------------------

DEPLOYMENTS = (
    """
query Deployments($input: DeploymentListInput!, $first: Int, $after: String, $last: Int, $before: String) {
  deployments(input: $input, first: $first, after: $after, last: $last, before: $before) {
    edges { node { ...DeploymentFields } }
    pageInfo { hasNextPage endCursor hasPreviousPage startCursor }
  }
}
"""
    + _DEPLOYMENT
)


@cache
def newest_deployments(count: int) -> str:
    """Return a query for the first page of `count` lists of deployments: variables `input0`…, and `first`."""
    given = ", ".join(f"$input{n}: DeploymentListInput!" for n in range(count))
    fields = "{ edges { node { ...DeploymentFields } } pageInfo { hasNextPage endCursor } }"
    asked = "\n".join(f"  a{n}: deployments(input: $input{n}, first: $first) {fields}" for n in range(count))
    return f"query NewestDeployments($first: Int, {given}) {{\n{asked}\n}}" + _DEPLOYMENT


DEPLOYMENT = "query Deployment($id: String!) { deployment(id: $id) { ...DeploymentFields } }" + _DEPLOYMENT
DEPLOYMENT_EVENTS = f"""
query DeploymentEvents($id: String!, $first: Int, $after: String) {{
  deploymentEvents(id: $id, first: $first, after: $after) {{
    edges {{ node {{ {_EVENT} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""
ON_DEPLOYMENT = "subscription OnDeployment($id: String!) { deployment(id: $id) { id status deploymentStopped } }"
ON_DEPLOYMENT_EVENTS = "subscription OnDeploymentEvents($id: String!) { deploymentEvents(id: $id) { id step } }"

# -- logs ---------------------------------------------------------------------------------------------

_DATED = "$deploymentId: String!, $limit: Int, $filter: String, $startDate: DateTime, $endDate: DateTime"
_DATES = "deploymentId: $deploymentId, limit: $limit, filter: $filter, startDate: $startDate, endDate: $endDate"
_WINDOW = (
    "$filter: String, $beforeLimit: Int, $beforeDate: String, $anchorDate: String, $afterDate: String, $afterLimit: Int"
)
_ANCHORED = (
    "filter: $filter, beforeLimit: $beforeLimit, beforeDate: $beforeDate, anchorDate: $anchorDate, "
    "afterDate: $afterDate, afterLimit: $afterLimit"
)

BUILD_LOGS = f"query BuildLogs({_DATED}) {{ buildLogs({_DATES}) {{ ...LogFields }} }}" + _LOG
DEPLOYMENT_LOGS = f"query DeploymentLogs({_DATED}) {{ deploymentLogs({_DATES}) {{ ...LogFields }} }}" + _LOG
ENVIRONMENT_LOGS = (
    f"query EnvironmentLogs($environmentId: String!, {_WINDOW}) {{ "
    f"environmentLogs(environmentId: $environmentId, {_ANCHORED}) {{ ...LogFields }} }}" + _LOG
)
HTTP_LOGS = (
    f"query HttpLogs($deploymentId: String!, {_WINDOW}) {{ "
    f"httpLogs(deploymentId: $deploymentId, {_ANCHORED}) {{ ...HttpLogFields }} }}" + _HTTP_LOG
)

_LIVE = "deploymentId: $deploymentId, filter: $filter, limit: $limit"
ON_BUILD_LOGS = (
    "subscription OnBuildLogs($deploymentId: String!, $filter: String, $limit: Int) { "
    f"buildLogs({_LIVE}) {{ ...LogFields }} }}" + _LOG
)
ON_DEPLOYMENT_LOGS = (
    "subscription OnDeploymentLogs($deploymentId: String!, $filter: String, $limit: Int) { "
    f"deploymentLogs({_LIVE}) {{ ...LogFields }} }}" + _LOG
)
ON_ENVIRONMENT_LOGS = (
    f"subscription OnEnvironmentLogs($environmentId: String!, {_WINDOW}) {{ "
    f"environmentLogs(environmentId: $environmentId, {_ANCHORED}) {{ ...LogFields }} }}" + _LOG
)
ON_HTTP_LOGS = (
    f"subscription OnHttpLogs($deploymentId: String!, {_WINDOW}) {{ "
    f"httpLogs(deploymentId: $deploymentId, {_ANCHORED}) {{ ...HttpLogFields }} }}" + _HTTP_LOG
)

# -- mutations ----------------------------------------------------------------------------------------

REDEPLOY = """
mutation Redeploy($id: String!, $usePreviousImageTag: Boolean) {
  deploymentRedeploy(id: $id, usePreviousImageTag: $usePreviousImageTag) { id status }
}
"""
RESTART = "mutation Restart($id: String!) { deploymentRestart(id: $id) }"
ROLLBACK = "mutation Rollback($id: String!) { deploymentRollback(id: $id) }"
STOP = "mutation Stop($id: String!) { deploymentStop(id: $id) }"
CANCEL = "mutation Cancel($id: String!) { deploymentCancel(id: $id) }"
REMOVE = "mutation Remove($id: String!) { deploymentRemove(id: $id) }"
APPROVE = "mutation Approve($id: String!) { deploymentApprove(id: $id) }"
DEPLOY = """
mutation Deploy($environmentId: String!, $serviceId: String!, $commitSha: String) {
  serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha)
}
"""
DEPLOY_LATEST_COMMIT = """
mutation DeployLatestCommit($environmentId: String!, $serviceId: String!) {
  serviceInstanceDeploy(environmentId: $environmentId, serviceId: $serviceId, latestCommit: true)
}
"""
DEPLOY_TRIGGERS = """
mutation DeployTriggers($input: EnvironmentTriggersDeployInput!) { environmentTriggersDeploy(input: $input) }
"""

DOCUMENTS: dict[str, str] = {
    name: value for name, value in globals().items() if name.isupper() and not name.startswith("_")
}
"""Name -> document: all of the above whose text is fixed."""

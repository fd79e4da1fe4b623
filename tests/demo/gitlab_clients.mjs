// @gitbeaker/rest from npm against the demo GitLab; run by test_gitlab_clients.py, which reads the line.
import { Gitlab } from '@gitbeaker/rest';

const given = JSON.parse(process.argv[2]);
const api = new Gitlab({ host: given.host, token: given.token });
const { Deployments, Environments, Jobs, Pipelines, Projects } = api;
const project = given.project;
const refused = async (call) => {
  try { await call(); return null; } catch (error) { return error.cause?.description; }
};
const told = {};
told.project = (await Projects.show(project)).path_with_namespace;
told.page = (await Deployments.all(project, {
  orderBy: 'updated_at', sort: 'desc', environment: 'production', status: 'success', perPage: 50, maxPages: 1,
})).length;
told.all = (await Deployments.all(project, { perPage: 30 })).length;
told.show = (await Deployments.show(project, given.deployment)).status;
const made = await Deployments.create(project, 'canary', 'a'.repeat(40), 'main', false, { status: 'running' });
told.created = made.status;
told.edited = (await Deployments.edit(project, made.id, 'success')).status;
told.current = await refused(() => Deployments.remove(project, made.id));
await Deployments.remove(project, given.old);
told.removed = await refused(() => Deployments.show(project, given.old));
told.mergeRequests = (await Deployments.allMergeRequests(project, given.deployment)).length;
told.approval = (await Deployments.setApproval(given.guarded, given.waiting, 'approved', {
  comment: 'ok', representedAs: 'Maintainers',
})).status;
told.environments = (await Environments.all(project, { states: 'available' })).map((one) => one.name).sort();
told.jobs = (await Jobs.all(project, { pagination: 'keyset', perPage: 100, orderBy: 'id', sort: 'desc' })).length;
told.log = (await Jobs.showLog(project, given.job)).includes('Job succeeded');
const again = await Jobs.retry(project, given.job);
told.retried = again.id !== given.job;
told.twice = await refused(() => Jobs.retry(project, given.job));
told.cancelled = (await Jobs.cancel(project, again.id)).status;
told.unplayable = await refused(() => Jobs.play(project, given.job, {
  jobVariablesAttributes: [{ key: 'K', value: 'v' }],
}));
told.pipelines = (await Pipelines.all(project, { perPage: 5, maxPages: 1 })).length;
told.stopped = (await Environments.stop(project, given.environment, { force: true })).state;
process.stdout.write(JSON.stringify(told) + '\n');

// Independent clients from npm against the demo server; run by test_independent_clients.py, which reads the lines.
import { createRailway } from '@crisog/railway-sdk';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const given = JSON.parse(process.argv[2]);
const tell = (message) => process.stdout.write(JSON.stringify(message) + '\n');

const railway = createRailway({ token: given.token, endpoint: given.url });
const ok = async (result) => {
  const settled = await result;
  if (settled.isErr()) throw settled.error;
  return settled.value;
};
const { deployments } = railway;
const variables = { id: given.deployment };
const sdk = {};
sdk.get = (await ok(deployments.get({ variables }))).deployment.status;
sdk.list = (await ok(deployments.list({
  variables: {
    first: 5,
    input: { serviceId: given.service, environmentId: given.environment, projectId: given.project },
  },
}))).deployments.length;
sdk.logs = (await ok(deployments.logs({
  variables: { deploymentId: given.deployment, limit: 10 },
}))).deploymentLogs.length;
sdk.events = (await ok(deployments.events({ variables }))).deploymentEvents[0].step;

// Subscriptions, by the reference client, with the credential in the headers of the upgrade.
class Authorized extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, { headers: { authorization: `Bearer ${given.token}` } });
  }
}
const client = () => createClient({
  url: given.socketUrl, webSocketImpl: Authorized, retryAttempts: 0, lazyCloseTimeout: 5000,
});

const ws = { statuses: [], lines: 0, build: 0, inOrder: true };
const one = client();
const stream = one.iterate({
  query: 'subscription($id: String!) { deploymentLogs(deploymentId: $id) { timestamp message } }',
  variables,
});
let last = 0;
const count = (rows) => {
  for (const row of rows) {
    const at = Date.parse(row.timestamp);
    if (at < last) ws.inOrder = false;
    last = at;
  }
  ws.lines += rows.length;
};
count((await stream.next()).value.data.deploymentLogs);
tell({ advance: 20 });
count((await stream.next()).value.data.deploymentLogs);
await stream.return();

const statuses = one.iterate({
  query: 'subscription($id: String!) { deployment(id: $id) { status } }',
  variables: { id: given.building },
});
const first = statuses.next();
// A replay on the same socket shows that the server has the subscription before it.
const marker = one.iterate({
  query: 'subscription($id: String!) { deploymentLogs(deploymentId: $id, limit: 1) { message } }',
  variables,
});
await marker.next();
await marker.return();
const build = client().iterate({
  query: 'subscription($id: String!) { buildLogs(deploymentId: $id) { message } }',
  variables: { id: given.building },
});
ws.build += (await build.next()).value.data.buildLogs.length;
tell({ advance: 100 });
ws.statuses.push((await first).value.data.deployment.status);
ws.statuses.push((await statuses.next()).value.data.deployment.status);
await statuses.return();
// The server closes the socket when the build has ended. This client would then subscribe anew, for ever.
for await (const { data } of build) {
  ws.build += data.buildLogs.length;
  if (data.buildLogs.some(({ message }) => message.includes('Build time'))) break;
}

sdk.restart = (await ok(deployments.restart({ variables }))).deploymentRestart;
tell({ advance: 10 });
// The advance is another process's: wait until it shows.
for (;;) {
  if ((await ok(deployments.get({ variables }))).deployment.status === 'SUCCESS') break;
  await new Promise((resolve) => setTimeout(resolve, 20));
}
sdk.stop = (await ok(deployments.stop({ variables }))).deploymentStop;
const made = (await ok(deployments.redeploy({ variables }))).deploymentRedeploy;
sdk.redeploy = made.status;
sdk.cancel = (await ok(deployments.cancel({ variables: { id: made.id } }))).deploymentCancel;
sdk.rollback = (await ok(deployments.rollback({ variables: { id: given.good } }))).deploymentRollback;
sdk.approve = (await ok(deployments.approve({ variables: { id: given.waiting } }))).deploymentApprove;
sdk.remove = (await ok(deployments.remove({ variables }))).deploymentRemove;
const unknown = await deployments.get({ variables: { id: '00000000-0000-4000-8000-000000000000' } });
sdk.unknown = unknown.isErr() ? unknown.error.errors?.[0]?.message ?? unknown.error.message : 'found';
tell({ sdk, ws });
await one.dispose();
process.exit(0);

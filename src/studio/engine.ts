import { POLICY } from '../content-security.ts';
import { inElectron, startProcess } from '../electron/client.ts';
import { ThawError } from '../errors.ts';
import type { WebPlatformOptions } from '../web/platform.ts';
import WORKER from '../web/worker.ts?worker&url';
import { connect, type RemoteClient, webPort } from '../worker/index.ts';
import { fetchHubModel } from './files/hub.ts';
import type { StudioHost } from './state/host.ts';
import { REPOSITORY } from './state/photo-model.ts';

/** @returns starts the training side: in Electron a process, in a browser a worker */
export async function findEngine(): Promise<StudioHost['start']> {
  if (inElectron()) return startProcess;
  const script = new URL(WORKER, document.baseURI).href;
  return (await hasPolicy(script)) ? () => startWorker(script) : () => startWorker(bound(script));
}

/** Whether a response has the policy of a worker: the service worker adds it, whatever the host sends. */
async function hasPolicy(script: string): Promise<boolean> {
  if (navigator.serviceWorker?.controller) return true;
  const { headers } = await fetch(script, { method: 'HEAD' });
  return headers.get('content-security-policy') === POLICY;
}

/** A worker takes the policy of its own response. A worker from a blob takes the policy of its page, which index.html has. */
const bound = (script: string): string =>
  URL.createObjectURL(new Blob([`import ${JSON.stringify(script)};`], { type: 'text/javascript' }));

function startWorker(url: string): RemoteClient {
  const worker = new Worker(url, { type: 'module' });
  const options: WebPlatformOptions = { assets: new URL(`ort-${__ORT_VERSION__}/`, document.baseURI).href };
  worker.postMessage(options);
  const port = webPort(worker);
  const hint = 'Reload the page; your images are kept';
  return connect({
    ...port,
    ended: (take) => port.ended!(({ message }) => take(new ThawError('ended', message, hint))),
  });
}

export const photoModel: StudioHost['photoModel'] = (options) => fetchHubModel(REPOSITORY, options);

const MODEL = new URL('../../artifacts/default/onnx/model.onnx', import.meta.url);
const CONFIG = new URL('../../artifacts/default/config.json', import.meta.url);
const PREPROCESSOR = new URL('../../artifacts/default/preprocessor_config.json', import.meta.url);

/** The model that is served with the page. */
export const embedded: StudioHost['embedded'] = async () => ({
  name: 'default',
  model: new Uint8Array(await (await get(MODEL)).arrayBuffer()),
  preprocessorConfig: await (await get(PREPROCESSOR)).json(),
  config: await (await get(CONFIG)).json(),
});

async function get(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} is not served (${response.status})`);
  return response;
}

import { inElectron, startProcess } from '../electron/client.ts';
import { ThawError } from '../errors.ts';
import type { WebPlatformOptions } from '../web/platform.ts';
import WORKER from '../web/worker.ts?worker&url';
import { connect, type RemoteClient, webPort } from '../worker/index.ts';
import type { StudioHost } from './state/host.ts';

/** Starts the training side: in Electron a process, in a browser a worker. */
export const startEngine = (): RemoteClient => (inElectron() ? startProcess() : startWorker());

/**
 * A worker takes the security policy of its own response, and a plain host sends none. A worker from a blob takes the policy of its page,
 * which index.html has.
 */
function startWorker(): RemoteClient {
  const script = `import ${JSON.stringify(new URL(WORKER, document.baseURI).href)};`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
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

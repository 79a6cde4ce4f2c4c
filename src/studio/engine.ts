import { inElectron, startProcess } from '../electron/client.ts';
import { connect, webPort } from '../remote/index.ts';
import type { WebPlatformOptions } from '../web/platform.ts';
import type { Engine, Surroundings } from './state/engine.ts';

/** Starts what trains: in Electron its utility process, elsewhere a worker. Vite bundles what is named in a `new Worker(new URL(…))`. */
export function startEngine(): Engine {
  if (inElectron()) {
    const client = startProcess();
    return { client, onCrash: (take) => client.whenEnded(({ message }) => take(message)) };
  }
  const worker = new Worker(new URL('../web/worker.ts', import.meta.url), { type: 'module' });
  const options: WebPlatformOptions = { assets: new URL(`ort-${__ORT_VERSION__}/`, document.baseURI).href };
  worker.postMessage(options);
  return {
    client: connect(webPort(worker)),
    onCrash: (take) => worker.addEventListener('error', ({ message }) => take(message || 'the worker ended')),
  };
}

const MODEL = new URL('../../artifacts/default/onnx/model.onnx', import.meta.url);
const CONFIG = new URL('../../artifacts/default/config.json', import.meta.url);
const PREPROCESSOR = new URL('../../artifacts/default/preprocessor_config.json', import.meta.url);

/** The model that is served with the page. */
export const embedded: Surroundings['embedded'] = async () => ({
  model: new Uint8Array(await (await get(MODEL)).arrayBuffer()),
  preprocessorConfig: await (await get(PREPROCESSOR)).json(),
  config: await (await get(CONFIG)).json(),
});

async function get(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} is not served (${response.status})`);
  return response;
}

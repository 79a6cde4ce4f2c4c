/**
 * The utility process's script. The first message brings the page's port and says where projects are kept; later ones bring paths that
 * were picked. It ends when the page's port does.
 */
import type { ParentPort } from 'electron';
import { type Answer, describe, emitterPort, type Port, type Request, serve } from '../worker/index.ts';
import type { FromHost, ToHost } from './channels.ts';
import { pickedOnly } from './sending.ts';
import { useWasmSharp } from './wasm-sharp.ts';

const main: ParentPort = process.parentPort;
const say = (message: FromHost) => main.postMessage(message);
const picked = new Set<string>();

/** The platform of the training. It loads sharp, which must be chosen before. */
async function platform() {
  if (process.platform === 'linux') useWasmSharp();
  const { nodePlatform } = await import('../worker/node/platform.ts');
  return nodePlatform;
}
const loaded = platform();
// `refuseAll` reports it.
loaded.catch(() => undefined);

main.on('message', ({ data, ports }) => {
  const message = data as ToHost;
  if ('serve' in message) {
    for (const path of message.serve.allowed) picked.add(path);
    const [electronPort] = ports;
    // The page was closed or reloaded.
    electronPort.on('close', () => process.exit(0));
    const port = emitterPort(electronPort);
    loaded.then(
      (nodePlatform) =>
        serve(port, { ...nodePlatform({ folder: message.serve.projects }), checkPath: pickedOnly(picked) }),
      (error) => refuseAll(port, error),
    );
  } else {
    for (const path of message.allow) picked.add(path);
    say({ allowed: message.id });
  }
});

/** Answers every request with an error. */
const refuseAll = (port: Port, error: unknown): void =>
  port.listen((message) => port.post({ id: (message as Request).id, error: describe(error) } satisfies Answer));

process.on('uncaughtException', (error) => {
  console.error(error);
  say({ failed: error.message });
  // The message leaves first.
  setTimeout(() => process.exit(1), 100);
});

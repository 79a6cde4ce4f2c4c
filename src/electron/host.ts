/**
 * The utility process's script. The first message brings the page's port and says where projects are kept; later ones bring paths that
 * were picked. It ends when the page's port does.
 */
import type { ParentPort } from 'electron';
import { emitterPort, serve } from '../remote/index.ts';
import { nodePlatform } from '../remote/node/platform.ts';
import type { FromHost, ToHost } from './channels.ts';
import { admittingPicked } from './pictures.ts';

const main: ParentPort = process.parentPort;
const say = (message: FromHost) => main.postMessage(message);
const picked = new Set<string>();

main.on('message', ({ data, ports }) => {
  const message = data as ToHost;
  if ('serve' in message) {
    for (const path of message.serve.allowed) picked.add(path);
    const [port] = ports;
    // A page that is closed or loaded anew leaves nobody to train for.
    port.on('close', () => process.exit(0));
    serve(admittingPicked(emitterPort(port), picked), nodePlatform({ folder: message.serve.projects }));
  } else {
    for (const path of message.allow) picked.add(path);
    say({ allowed: message.id });
  }
});

process.on('uncaughtException', (error) => {
  console.error(error);
  say({ failed: error.message });
  // The message leaves first.
  setTimeout(() => process.exit(1), 100);
});

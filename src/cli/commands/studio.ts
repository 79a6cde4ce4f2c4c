import { serveStudio } from '../../node/commands/studio.ts';
import { defineCommand } from '../command.ts';

const PORT = 5180;

export const command = defineCommand({
  name: 'studio',
  summary: 'serve a local page for making a classifier without programming',
  description:
    'Open the printed address in a browser. Images and models stay in the browser. Once opened, the page works without a network. thaw studio needs the package `onnxruntime-web`.',
  positionals: [],
  flags: {
    port: { kind: 'number', value: 'N', description: 'where to serve it; 0 for any that is free', default: `${PORT}` },
  },
  async run({ values: { port = PORT }, terminal, signal }) {
    const { address, close } = await serveStudio(port);
    if (terminal.json) terminal.printJson({ address });
    terminal.print(`Thaw studio: ${address}\nPress Ctrl-C to stop.`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await close();
    return 0;
  },
});

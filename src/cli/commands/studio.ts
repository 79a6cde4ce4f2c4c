import { serveStudio } from '../../node/commands/studio.ts';
import { defineCommand } from '../command.ts';

const PORT = 5180;

export const command = defineCommand({
  name: 'studio',
  summary: 'a page to make a classifier without programming, served to this machine only',
  description:
    'Open the address that it prints. Images and models stay in the browser, and once opened it works without a network. It needs `onnxruntime-web` beside Thaw.',
  words: [],
  flags: {
    port: { kind: 'number', value: 'N', does: 'where to serve it; 0 for any that is free', default: `${PORT}` },
  },
  async run({ values: { port = PORT }, terminal, signal }) {
    const { address, close } = await serveStudio(port);
    if (terminal.json) terminal.answer({ address });
    terminal.say(`Thaw studio: ${address}\nStop it with Ctrl-C.`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await close();
    return 0;
  },
});

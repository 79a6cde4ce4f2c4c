import { serveStudio } from '../../node/commands/studio.ts';
import { defineCommand } from '../command.ts';
import { REQUIRED_MODEL_ARGUMENT } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

const PORT = 5180;

export const command = defineCommand({
  name: 'studio',
  summary: 'serve a local page for making a classifier without programming',
  description:
    'Open the printed address in a browser. Images and models stay in the browser. Once opened, the page works without a network. thaw studio needs the package `onnxruntime-web`.',
  positionals: [],
  flags: {
    port: { kind: 'number', value: 'N', description: 'where to serve it; 0 for any that is free', default: `${PORT}` },
    model: {
      kind: 'text',
      value: 'MODEL',
      description: `a model that the page starts from: ${REQUIRED_MODEL_ARGUMENT.description}`,
      default: 'the page offers its own',
    },
  },
  examples: ['thaw studio', 'thaw studio --model resnet-18'],
  async run({ values: { port = PORT, model }, terminal, signal }) {
    const { address, close } = await serveStudio({ port, model }, { onEvent: new JobDisplay(terminal).show, signal });
    if (terminal.json) terminal.printJson({ address });
    terminal.print(`Thaw studio: ${address}\nPress Ctrl-C to stop.`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await close();
    return 0;
  },
});

import { openInBrowser } from '../../node/browser.ts';
import { serveStudio } from '../../node/commands/studio.ts';
import { ALL_NETWORKS } from '../../node/network.ts';
import { defineCommand } from '../command.ts';
import { REQUIRED_MODEL_ARGUMENT } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { printServing } from '../terminal/serving.ts';

const PORT = 5180;

export const command = defineCommand({
  name: 'studio',
  summary: 'serve a local page for making a classifier without programming',
  description:
    'Open the printed address in a browser. Images and models stay in the browser. Once opened, the page works without a network. thaw studio needs the package `onnxruntime-web`.',
  positionals: [],
  flags: {
    port: { kind: 'number', value: 'N', description: 'where to serve it; 0 for any that is free', default: `${PORT}` },
    open: { kind: 'switch', description: 'open the page in the default browser' },
    host: {
      kind: 'text',
      value: '[ADDRESS]',
      alone: ALL_NETWORKS,
      description:
        'serve other devices too, such as a phone on the same network: prints an address with a secret token, and its QR code. Without ADDRESS, on all networks of this machine',
      default: 'this machine only',
    },
    cert: {
      kind: 'text',
      value: 'FILE',
      description: 'PEM certificate, for https. Over http, browsers give the page of another machine no live camera',
    },
    key: { kind: 'text', value: 'FILE', description: 'PEM key of the certificate' },
    model: {
      kind: 'text',
      value: 'MODEL',
      description: `a model that the page starts from: ${REQUIRED_MODEL_ARGUMENT.description}`,
      default: 'the page offers its own',
    },
  },
  examples: ['thaw studio --open', 'thaw studio --model resnet-18', 'thaw studio --host'],
  async run({ values: { port = PORT, open, ...options }, terminal, signal }) {
    const display = new JobDisplay(terminal);
    const { close, ...addresses } = await serveStudio({ port, ...options }, { onEvent: display.show, signal });
    if (terminal.json) terminal.printJson(addresses);
    printServing('Thaw studio', addresses, terminal);
    const onFailure = () =>
      terminal.print(terminal.colours.yellow('note  no browser opens: open the address yourself'));
    if (open) await openInBrowser(addresses.address, onFailure);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await close();
    return 0;
  },
});

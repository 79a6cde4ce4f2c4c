import { serveModel } from '../../node/serve/index.ts';
import { plural } from '../../report/format.ts';
import { withoutSecrets } from '../../secrets.ts';
import { defineCommand } from '../command.ts';
import { flagsOf } from '../flags.ts';
import { CALIBRATED_FLAG, CLASSIFIER_FLAGS, FINISHED_MODEL_ARGUMENT, withHeading, without } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';

const LIMIT_FLAGS = flagsOf({
  'max-body': {
    kind: 'number',
    value: 'MB',
    description: 'largest body of a request',
    default: '20',
  },
  'max-pixels': { kind: 'number', value: 'MP', description: 'largest image, in megapixels', default: '64' },
  'max-samples': { kind: 'number', value: 'N', description: 'images or texts of a request', default: '16' },
  rate: {
    kind: 'number',
    value: 'N',
    description: 'requests of an address in a minute; 0 for any number',
    default: '600; any number on this machine',
  },
  queue: {
    kind: 'number',
    value: 'N',
    description: 'requests at the same time; others get status 503',
    default: '64',
  },
  timeout: { kind: 'number', value: 'S', description: 'seconds in which a request must arrive', default: '30' },
});

export const command = defineCommand({
  name: 'serve',
  summary: 'serve a finished model over HTTP',
  description:
    'POST /predict takes an image, a form with several, or JSON. Requests that arrive while a batch runs go through the model together. Only this machine is served unless --host is given. With --json, each request is a JSON line. Ctrl-C answers the requests that have begun, and ends.',
  positionals: [FINISHED_MODEL_ARGUMENT],
  flags: {
    port: { kind: 'number', value: 'N', description: 'where to serve it; 0 for any that is free', default: '8080' },
    host: {
      kind: 'text',
      value: 'ADDRESS',
      description: 'address to listen on; 0.0.0.0 serves all networks of this machine',
      default: '127.0.0.1',
    },
    token: {
      kind: 'text',
      value: 'TEXT',
      description:
        'clients send Authorization: Bearer TEXT (or set THAW_TOKEN, which other users of the machine do not see)',
    },
    cors: { kind: 'text', value: 'ORIGIN', description: 'origin of pages that may use the server, or *' },
    top: { kind: 'number', value: 'K', description: 'probabilities of the K most probable classes', default: 'all' },
    ...withHeading(LIMIT_FLAGS, 'Limits'),
    ...CALIBRATED_FLAG,
    ...without(CLASSIFIER_FLAGS, ['strict', 'batch']),
    batch: {
      ...CLASSIFIER_FLAGS.batch,
      description: 'images or texts that go through the model together',
      default: '4',
    },
  },
  examples: [
    'thaw serve runs/images-1',
    'curl http://127.0.0.1:8080/predict --data-binary @cat.jpg',
    'thaw serve runs/images-1 --host 0.0.0.0 --token "$(openssl rand -hex 16)"',
  ],
  async run({ positionals: [model], values, terminal, signal }) {
    const { port, host, cors, top, maxBody, maxPixels, maxSamples, rate, queue, timeout, ...rest } = values;
    const { token = process.env.THAW_TOKEN || undefined, ...settings } = rest;
    const limits = { maxBody, maxPixels, maxSamples, rate, queue, timeout };
    const { colours: c } = terminal;
    const { url, close } = await serveModel(
      model,
      { port, host, token, cors, top, ...limits, settings },
      {
        onEvent: new JobDisplay(terminal).show,
        onRequest({ error, ...request }) {
          const { method, path, status, samples, milliseconds } = request;
          const time = new Date().toISOString();
          const reason = error === undefined ? undefined : withoutSecrets(String((error as Error)?.stack ?? error));
          if (terminal.json) terminal.printJsonLine({ type: 'request', time, ...request, error: reason });
          else {
            const counted = samples ? `  ${plural(samples, 'sample')}` : '';
            terminal.print(
              c.dim(`${time.slice(11, 19)}  ${status}  ${method} ${path}${counted}  ${milliseconds.toFixed(0)} ms`),
            );
            if (reason !== undefined) terminal.print(c.red(reason));
          }
        },
      },
    );
    if (terminal.json) terminal.printJsonLine({ type: 'listening', url });
    terminal.print(`Thaw serves ${model}: ${url}\nPress Ctrl-C to stop.`);
    if (!['127.0.0.1', 'localhost', '::1', undefined].includes(host) && token === undefined)
      terminal.print(
        c.yellow('note  other devices can use this server, without a token and over plain HTTP (--token)'),
        6,
      );
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await close();
    return 0;
  },
});

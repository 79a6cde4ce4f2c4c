import { ThawError } from '../../errors.ts';
import type { AppMessage, NodeEvent } from '../../federated/flower/index.ts';
import type { JobEvent } from '../../node/commands/events.ts';
import { finishFederation, joinFederation, writeFederatedApp } from '../../node/commands/federated/index.ts';
import { quoted } from '../../node/commands/paths.ts';
import { unfinishedIn } from '../../node/run/index.ts';
import { plural } from '../../report/format.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { type Flags, flagsOf, settingName } from '../flags.ts';
import { DEVICE_FLAG, withHeading } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';
import { INTERRUPTED } from './train.ts';

const INIT = flagsOf({
  labels: {
    kind: 'names',
    value: 'A,B,C',
    description: 'classes of all machines, or a file with one per line',
  },
  data: {
    kind: 'text',
    value: 'FOLDER',
    description: 'for a simulation: image folder of each client, with {} for its number',
  },
  strategy: { kind: 'text', value: 'NAME', description: 'fedavg, fedprox or fedadam', default: 'fedavg' },
});

const JOIN = flagsOf({
  insecure: { kind: 'switch', description: 'connect to a SuperLink without TLS' },
  'root-certificates': {
    kind: 'text',
    value: 'FILE',
    description: 'PEM file of root certificates to trust instead of the usual ones',
  },
  key: {
    kind: 'text',
    value: 'FILE',
    description: 'OpenSSH private key of a node registered with flwr supernode register',
    default: 'a new one',
  },
  ...DEVICE_FLAG,
  cache: { ...TRAIN_FLAGS.cache, default: 'disk' },
  'cache-memory': { ...TRAIN_FLAGS['cache-memory'] },
  'cache-disk': { ...TRAIN_FLAGS['cache-disk'] },
});

const FINISH = flagsOf({
  out: { kind: 'text', value: 'DIR', description: 'the run directory', default: 'run in the folder' },
  round: {
    kind: 'number',
    value: 'N',
    description: 'finish from an earlier round that the server still has',
    default: 'the last',
  },
});

const FLAGS = flagsOf({
  model: {
    kind: 'text',
    value: 'MODEL',
    description: 'the same on all machines, as for thaw train',
    default: 'default',
  },
  ...withHeading(INIT, 'init'),
  ...withHeading(JOIN, 'join'),
  ...withHeading(FINISH, 'finish'),
});

type Context = CommandContext<typeof FLAGS>;

const ACTIONS = { init, join, finish } as const;

export const command = defineCommand({
  name: 'federated',
  summary: 'federated training with Flower: write an app, join it, finish its model',
  description:
    'init writes an app for flwr run, for simulations and for real machines: pyproject.toml, a server with FedAvg, FedProx or FedAdam, and a client that calls thaw round. Its pyproject.toml sets stages, learning rates and local epochs by round. join runs such a client without Python, until Ctrl-C (experimental, for SuperLinks of Flower 1.42). finish turns the last state into a run directory with the finished model and a report on all clients and rounds. The server calls finish after the last round. See docs/federated.md.',
  positionals: [
    {
      name: 'init|join|finish',
      description: 'write an app, take part in its rounds, or finish its model',
    },
    {
      name: 'dir|superlink',
      description: 'init and finish: folder of the app; join: the address of the SuperLink, such as 10.0.0.5:8000',
    },
    {
      name: 'data',
      description:
        'join: labelled images of this machine, as for thaw train; finish: labelled images to evaluate the model on',
      optional: true,
    },
  ],
  flags: FLAGS,
  examples: [
    "thaw federated init app --model model.onnx --labels cat,dog --data 'shares/{}'",
    'thaw federated join 10.0.0.5:8000 images --root-certificates ca.crt',
    'thaw federated finish app images',
  ],
  async run(context) {
    const [what] = context.positionals;
    if (what === 'init' || what === 'join' || what === 'finish') return ACTIONS[what](context);
    throw new ThawError(
      'bad-config',
      `thaw federated has no action "${what}"`,
      'Use thaw federated init DIR, join SUPERLINK DATA or finish DIR',
    );
  },
});

/** @throws ThawError `bad-config` for a flag of another action */
function refuseFlags(flags: Flags, { values }: Context, what: string): void {
  const foreign = Object.keys(flags).find((flag) => settingName(flag) in values);
  if (foreign) throw new ThawError('bad-config', `--${foreign} does not apply to ${what}`, 'Remove it');
}

async function init(context: Context): Promise<number> {
  const {
    positionals: [, folder, extra],
    values,
    terminal,
  } = context;
  refuseFlags({ ...JOIN, ...FINISH }, context, 'init');
  if (extra !== undefined)
    throw new ThawError('bad-config', `thaw federated init got an unexpected argument "${extra}"`, 'Remove it');
  const files = await writeFederatedApp({ ...values, folder });
  if (terminal.json) terminal.printJson({ folder, files });
  terminal.print(`app   ${quoted(folder)}: ${files.join(', ')}`);
  terminal.print(`next  check ${quoted(`${folder}/pyproject.toml`)}, then: flwr run ${quoted(folder)} --stream`);
  return 0;
}

async function join(context: Context): Promise<number> {
  const {
    positionals: [, superlink, data],
    values,
    terminal,
    signal,
  } = context;
  refuseFlags({ ...INIT, ...FINISH }, context, 'join');
  if (data === undefined)
    throw new ThawError(
      'bad-config',
      'thaw federated join needs <data>',
      'Give a folder with the images of this machine',
    );
  const { model = 'default', insecure, rootCertificates, key, device, cache, cacheMemory, cacheDisk } = values;
  const display = new NodeDisplay(terminal);
  await joinFederation(
    { superlink, data, model, insecure, rootCertificates, key, settings: { device, cache, cacheMemory, cacheDisk } },
    { onEvent: display.show, signal },
  );
  if (terminal.json) terminal.printJson(display.counts);
  return 0;
}

async function finish(context: Context): Promise<number> {
  const {
    positionals: [, folder, data],
    values,
    terminal,
    signal,
  } = context;
  refuseFlags({ ...INIT, ...JOIN }, context, 'finish');
  const { model, out, round } = values;
  if (round !== undefined && !(Number.isSafeInteger(round) && round > 0))
    throw new ThawError('bad-config', `--round is ${round}`, 'Give a round number from 1');
  const display = new TrainingDisplay(terminal);
  const outcome = await finishFederation({ folder, data, model, out, round }, { onEvent: display.show, signal });
  display.finish(outcome, (await unfinishedIn(outcome.run))?.command);
  return outcome.status === 'interrupted' ? INTERRUPTED : 0;
}

/** Prints the work of a node, one line per message. */
class NodeDisplay {
  readonly counts = { answered: 0, failed: 0, sent: 0 };
  private readonly job: JobDisplay;

  constructor(private readonly terminal: Terminal) {
    this.job = new JobDisplay(terminal);
  }

  show = (event: JobEvent | NodeEvent): void => {
    const { terminal, counts } = this;
    const { colours: c } = terminal;
    switch (event.type) {
      case 'joined':
        terminal.print(
          `joined  ${event.superlink} (Flower ${event.version}) as node ${event.node}; press Ctrl-C to leave`,
        );
        break;
      case 'message':
        terminal.status(c.dim(`${named(event.message)} …`));
        break;
      case 'answered':
        counts.answered++;
        counts.sent += event.bytes;
        terminal.print(`${named(event.message)}  answered, ${plural(event.bytes, 'byte')}`);
        break;
      case 'failed': {
        counts.failed++;
        const { error } = event;
        terminal.print(
          c.red(
            `${named(event.message)}  failed: ${shortened(error instanceof ThawError ? error.line : error.message)}`,
          ),
        );
        break;
      }
      case 'dropped':
        terminal.print(c.yellow(`note  skipped a message: ${event.reason}`));
        break;
      case 'lost':
        terminal.print(c.yellow(`note  ${event.reason}; trying again`));
        break;
      case 'back':
        terminal.print('back  reconnected to the SuperLink');
        break;
      case 'left':
        terminal.print('left');
        break;
      default:
        this.job.show(event);
    }
  };
}

/** The error text can come from the sender of the message, so its length is limited. */
const shortened = (line: string): string => (line.length > 500 ? `${line.slice(0, 500)} …` : line);

/** Each stage of the app counts its rounds from 1. */
function named({ type, content }: AppMessage): string {
  const config = content.get('config');
  const round = config?.kind === 'config' ? config.values.get('server-round') : undefined;
  return typeof round === 'bigint' || typeof round === 'number' ? `${type}, round ${round} of the stage` : type;
}

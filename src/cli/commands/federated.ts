import { ThawError } from '../../errors.ts';
import type { AppMessage, NodeEvent } from '../../federated/flower/index.ts';
import type { JobEvent } from '../../node/commands/events.ts';
import { finishFederation, joinFederation, writeFederatedApp } from '../../node/commands/federated/index.ts';
import { quoted } from '../../node/commands/paths.ts';
import { unfinishedIn } from '../../node/run/index.ts';
import { plural } from '../../report/format.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { type Flags, flagsOf, settingName } from '../flags.ts';
import { DEVICE_FLAG, underHeading } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { TrainingDisplay } from '../terminal/training.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';
import { INTERRUPTED } from './train.ts';

const INIT = flagsOf({
  labels: {
    kind: 'names',
    value: 'A,B,C',
    does: 'the classes of all machines, or a file with one a line',
  },
  data: { kind: 'text', value: 'FOLDER', does: 'of a simulation: images of each client, {} being its number' },
  strategy: { kind: 'text', value: 'NAME', does: 'fedavg, fedprox or fedadam', default: 'fedavg' },
});

const JOIN = flagsOf({
  insecure: { kind: 'switch', does: 'the SuperLink is without TLS' },
  'root-certificates': { kind: 'text', value: 'FILE', does: 'PEM of the certificates to trust in place of the usual' },
  key: {
    kind: 'text',
    value: 'FILE',
    does: 'the OpenSSH private key of a node that flwr supernode register told the SuperLink of',
    default: 'a new one',
  },
  ...DEVICE_FLAG,
  cache: { ...TRAIN_FLAGS.cache, default: 'disk' },
  'cache-memory': { ...TRAIN_FLAGS['cache-memory'] },
  'cache-disk': { ...TRAIN_FLAGS['cache-disk'] },
});

const FINISH = flagsOf({
  out: { kind: 'text', value: 'DIR', does: 'the run directory', default: 'run in the folder' },
  round: {
    kind: 'number',
    value: 'N',
    does: 'the state of an earlier round, of those that the server keeps',
    default: 'the last',
  },
});

const FLAGS = flagsOf({
  model: { kind: 'text', value: 'MODEL', does: 'the same on all machines, as for thaw train', default: 'default' },
  ...underHeading(INIT, 'init'),
  ...underHeading(JOIN, 'join'),
  ...underHeading(FINISH, 'finish'),
});

type Context = CommandContext<typeof FLAGS>;

const ACTIONS = { init, join, finish } as const;

export const command = defineCommand({
  name: 'federated',
  summary: 'train together by Flower: an app (init), a client (join), its model (finish)',
  description:
    'init writes pyproject.toml, a server on FedAvg, FedProx or FedAdam of Flower, and a client that calls thaw round: for flwr run, in simulation and between machines. Stages, rates and local epochs by round are in its pyproject.toml. join is such a client without Python, until Ctrl-C (experimental, for SuperLinks of Flower 1.42). finish makes a run directory of the last state, with the finished model and a report of all clients and rounds; the server calls it when all rounds are done. See docs/federated.md.',
  words: [
    {
      name: 'init|join|finish',
      does: 'init writes an app, join takes part in the rounds of one, finish makes a model of them',
    },
    {
      name: 'dir|superlink',
      does: 'the folder to write, or that a federation wrote; the address of the SuperLink, as in 10.0.0.5:8000',
    },
    {
      name: 'data',
      does: 'join: labelled images of this machine, as for thaw train; finish: some to measure the model on, as for thaw eval',
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
    const [what] = context.words;
    if (what === 'init' || what === 'join' || what === 'finish') return ACTIONS[what](context);
    throw new ThawError(
      'bad-config',
      `thaw federated does not know "${what}"`,
      'Write: thaw federated init DIR, join SUPERLINK DATA or finish DIR',
    );
  },
});

/** @throws ThawError `bad-config` naming a flag of the other action */
function refuseFlags(flags: Flags, { values }: Context, what: string): void {
  const stranger = Object.keys(flags).find((flag) => settingName(flag) in values);
  if (stranger) throw new ThawError('bad-config', `--${stranger} is nothing to ${what}`, 'Leave it out');
}

async function init(context: Context): Promise<number> {
  const {
    words: [, folder, extra],
    values,
    terminal,
  } = context;
  refuseFlags({ ...JOIN, ...FINISH }, context, 'init');
  if (extra !== undefined)
    throw new ThawError('bad-config', `thaw federated init does not know what to do with "${extra}"`, 'Leave it out');
  const files = await writeFederatedApp({ ...values, folder });
  if (terminal.json) terminal.answer({ folder, files });
  terminal.say(`app   ${quoted(folder)}: ${files.join(', ')}`);
  terminal.say(`next  look through ${quoted(`${folder}/pyproject.toml`)}, then: flwr run ${quoted(folder)} --stream`);
  return 0;
}

async function join(context: Context): Promise<number> {
  const {
    words: [, superlink, data],
    values,
    terminal,
    signal,
  } = context;
  refuseFlags({ ...INIT, ...FINISH }, context, 'join');
  if (data === undefined)
    throw new ThawError('bad-config', 'thaw federated join needs <data>', 'Give the images of this machine');
  const { model = 'default', insecure, rootCertificates, key, device, cache, cacheMemory, cacheDisk } = values;
  const display = new NodeDisplay(terminal);
  await joinFederation(
    { superlink, data, model, insecure, rootCertificates, key, settings: { device, cache, cacheMemory, cacheDisk } },
    { onEvent: display.take, signal },
  );
  if (terminal.json) terminal.answer(display.counts);
  return 0;
}

async function finish(context: Context): Promise<number> {
  const {
    words: [, folder, data],
    values,
    terminal,
    signal,
  } = context;
  refuseFlags({ ...INIT, ...JOIN }, context, 'finish');
  const { model, out, round } = values;
  if (round !== undefined && !(Number.isSafeInteger(round) && round > 0))
    throw new ThawError('bad-config', `--round is ${round}`, 'Rounds are counted from 1');
  const display = new TrainingDisplay(terminal);
  const outcome = await finishFederation({ folder, data, model, out, round }, { onEvent: display.take, signal });
  display.finish(outcome, (await unfinishedIn(outcome.run))?.command);
  return outcome.status === 'interrupted' ? INTERRUPTED : 0;
}

/** Says what a node does, a line a message. */
class NodeDisplay {
  readonly counts = { answered: 0, failed: 0, sent: 0 };
  private readonly job: JobDisplay;

  constructor(private readonly terminal: Terminal) {
    this.job = new JobDisplay(terminal);
  }

  take = (event: JobEvent | NodeEvent): void => {
    const { terminal, counts } = this;
    const { colours: c } = terminal;
    switch (event.type) {
      case 'joined':
        terminal.say(`joined  ${event.superlink} (Flower ${event.version}) as node ${event.node}; Ctrl-C leaves`);
        break;
      case 'message':
        terminal.status(c.dim(`${named(event.message)} …`));
        break;
      case 'answered':
        counts.answered++;
        counts.sent += event.bytes;
        terminal.say(`${named(event.message)}  answered, ${plural(event.bytes, 'byte')}`);
        break;
      case 'failed': {
        counts.failed++;
        const { error } = event;
        terminal.say(
          c.red(
            `${named(event.message)}  failed: ${shortened(error instanceof ThawError ? error.line : error.message)}`,
          ),
        );
        break;
      }
      case 'dropped':
        terminal.say(c.yellow(`note  a message is left: ${event.reason}`));
        break;
      case 'lost':
        terminal.say(c.yellow(`note  ${event.reason}; trying again`));
        break;
      case 'back':
        terminal.say('back  the SuperLink answers again');
        break;
      case 'left':
        terminal.say('left');
        break;
      default:
        this.job.take(event);
    }
  };
}

/** What is wrong with a message may have been said by whoever made it. */
const shortened = (line: string): string => (line.length > 500 ? `${line.slice(0, 500)} …` : line);

/** Rounds are counted anew with each stage of the app. */
function named({ type, content }: AppMessage): string {
  const config = content.get('config');
  const round = config?.kind === 'config' ? config.values.get('server-round') : undefined;
  return typeof round === 'bigint' || typeof round === 'number' ? `${type}, round ${round} of the stage` : type;
}

import { ThawError } from '../../errors.ts';
import { quoted } from '../../node/commands/paths.ts';
import { firstState, readStateFile, round } from '../../node/commands/round/index.ts';
import { writeAtomically } from '../../node/disk/index.ts';
import { decimal, plural } from '../../report/format.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile, withFlags } from '../config-file.ts';
import { CONFIG_FLAG } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';

export const command = defineCommand({
  name: 'round',
  summary: 'run one round of federated training on this machine',
  description:
    'A state is a safetensors file with the trainable parameters, and a record of the model, classes and seed that they belong to. A round trains this state on the data of this machine as thaw train would (--epochs, --trainable, or stages in the config file). With --evaluate, it only measures the state. Thaw keeps the frozen features on disk between rounds. See docs/federated.md.',
  positionals: [
    { name: 'model', description: 'the model, the same on all machines, as for thaw train', isModel: true },
    {
      name: 'data',
      description: 'labelled images of this machine, as for thaw train; not needed for --init',
      optional: true,
    },
  ],
  flags: {
    in: { kind: 'text', value: 'FILE', description: 'the state to begin with', heading: 'Round' },
    out: { kind: 'text', value: 'FILE', description: 'state to write', heading: 'Round' },
    evaluate: { kind: 'switch', description: 'measure the state without training it', heading: 'Round' },
    measure: { kind: 'switch', description: 'also measure the state before training', heading: 'Round' },
    init: {
      kind: 'switch',
      description: 'write a first state for the classes of --labels; with --in, keep its entries and add missing ones',
      heading: 'Round',
    },
    proximal: {
      kind: 'number',
      value: 'N',
      description: 'μ of FedProx: μ/2·Σ(w − w⁰)² in the loss, with w⁰ from the given state',
      default: '0',
      heading: 'Round',
    },
    config: { ...CONFIG_FLAG.config, heading: 'Round' },
    ...TRAIN_FLAGS,
    cache: { ...TRAIN_FLAGS.cache, default: 'disk' },
  },
  examples: [
    'thaw round model.onnx --init --labels cat,dog --trainable head --out 0.safetensors',
    'thaw round model.onnx images --in 0.safetensors --out 1.safetensors --epochs 2',
    'thaw round model.onnx images --in 1.safetensors --evaluate --json',
  ],
  async run({ positionals: [model, data], values, terminal, signal }) {
    const { config, ...flags } = values;
    const file = await readConfigFile(config);
    const { in: from, out = file.paths.out, init, evaluate, measure, proximal, ...settings } = withFlags(file, flags);
    const hooks = { onEvent: new JobDisplay(terminal).show, signal };
    if (evaluate && init) throw refused('--init and --evaluate contradict each other', 'Remove one of them');
    if (evaluate && out !== undefined) throw refused('--evaluate writes no state', 'Remove --out');
    if (!evaluate && out === undefined) throw refused('thaw round needs --out', 'Add --out FILE for the new state');
    if (init) {
      const bytes = await firstState(
        { model, data, state: from === undefined ? from : await readStateFile(from), settings },
        hooks,
      );
      await writeAtomically(out!, bytes);
      if (terminal.json) terminal.printJson({ state: out, bytes: bytes.length });
      terminal.print(`state  ${quoted(out!)}, ${plural(bytes.length, 'byte')}`);
      return 0;
    }
    if (data === undefined) throw refused('thaw round needs <data>', 'See thaw round --help');
    if (from === undefined)
      throw refused(
        'thaw round needs --in',
        'Give a state file, or make a first one: thaw round <model> --init --out FILE',
      );
    const state = await readStateFile(from);
    const outcome = await round({ model, data, state, evaluateOnly: evaluate, measure, proximal, settings }, hooks);
    if (outcome.state) await writeAtomically(out!, outcome.state);
    if (terminal.json) terminal.printJson({ ...outcome, state: outcome.state && out });
    const { examples, epochs, val } = outcome;
    const scores = Object.entries(val).map(([name, value]) => `${name} ${decimal(value)}`);
    terminal.print(
      `${plural(examples, 'example')}${epochs ? `, ${plural(epochs, 'epoch')}` : ''}   validation  ${scores.join('  ')}`,
    );
    if (outcome.state) terminal.print(`state  ${quoted(out!)}`);
    return 0;
  },
});

const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint);

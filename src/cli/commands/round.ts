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
  summary: "one machine's round of a federation: from a trainable state to the next",
  description:
    'A state is a safetensors file of the parameters that train, of which model, classes and seed it is. A round trains it on the data of this machine as thaw train would (--epochs, --trainable, or stages in the config file), or only measures it. What frozen layers make of images is kept on disk between rounds. See docs/federated.md.',
  words: [
    { name: 'model', does: 'the same on all machines, as for thaw train' },
    {
      name: 'data',
      does: 'labelled images of this machine, as for thaw train; not needed for --init',
      optional: true,
    },
  ],
  flags: {
    in: { kind: 'text', value: 'FILE', does: 'the state to begin with', under: 'Round' },
    out: { kind: 'text', value: 'FILE', does: 'the state to write', under: 'Round' },
    evaluate: { kind: 'switch', does: 'measure the state, train nothing', under: 'Round' },
    measure: { kind: 'switch', does: 'measure the state before it is trained, too', under: 'Round' },
    init: {
      kind: 'switch',
      does: 'write a first state, of the classes that --labels names; with --in what it lacks is added, its entries kept',
      under: 'Round',
    },
    proximal: {
      kind: 'number',
      value: 'N',
      does: 'μ of FedProx: μ/2·Σ(w − w⁰)² in the loss, w⁰ being the state given',
      default: '0',
      under: 'Round',
    },
    config: { ...CONFIG_FLAG.config, under: 'Round' },
    ...TRAIN_FLAGS,
    cache: { ...TRAIN_FLAGS.cache, default: 'disk' },
  },
  examples: [
    'thaw round model.onnx --init --labels cat,dog --trainable head --out 0.safetensors',
    'thaw round model.onnx images --in 0.safetensors --out 1.safetensors --epochs 2',
    'thaw round model.onnx images --in 1.safetensors --evaluate --json',
  ],
  async run({ words: [model, data], values, terminal, signal }) {
    const { config, ...flags } = values;
    const file = await readConfigFile(config);
    const { in: from, out = file.paths.out, init, evaluate, measure, proximal, ...settings } = withFlags(file, flags);
    const hooks = { onEvent: new JobDisplay(terminal).take, signal };
    if (evaluate && init) throw refused('--init and --evaluate are two different things', 'Give one of them');
    if (evaluate && out !== undefined) throw refused('--evaluate writes no state', 'Leave out --out');
    if (!evaluate && out === undefined) throw refused('there is no --out to write the state to', 'Give --out FILE');
    if (init) {
      const bytes = await firstState(
        { model, data, state: from === undefined ? from : await readStateFile(from), settings },
        hooks,
      );
      await writeAtomically(out!, bytes);
      if (terminal.json) terminal.answer({ state: out, bytes: bytes.length });
      terminal.say(`state  ${quoted(out!)}, ${plural(bytes.length, 'byte')}`);
      return 0;
    }
    if (data === undefined) throw refused('thaw round needs <data>', 'See thaw round --help');
    if (from === undefined)
      throw refused('there is no --in to begin with', 'Make a first state: thaw round <model> --init --out FILE');
    const state = await readStateFile(from);
    const outcome = await round({ model, data, state, evaluateOnly: evaluate, measure, proximal, settings }, hooks);
    if (outcome.state) await writeAtomically(out!, outcome.state);
    if (terminal.json) terminal.answer({ ...outcome, state: outcome.state && out });
    const { examples, epochs, val } = outcome;
    const scores = Object.entries(val).map(([name, value]) => `${name} ${decimal(value)}`);
    terminal.say(
      `${plural(examples, 'example')}${epochs ? `, ${plural(epochs, 'epoch')}` : ''}   validation  ${scores.join('  ')}`,
    );
    if (outcome.state) terminal.say(`state  ${quoted(out!)}`);
    return 0;
  },
});

const refused = (message: string, hint: string) => new ThawError('bad-config', message, hint);

import { quoted } from '../../node/commands/paths.ts';
import { type SpaceInput, type SweepOutcome, sweep } from '../../node/commands/sweep/index.ts';
import { measured, plural, shown } from '../../report/format.ts';
import { tellingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { readConfigFile, subjectOf, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_WORD, MODEL_WORD, underHeading } from '../shared-flags.ts';
import { styled } from '../terminal/styled.ts';
import { SweepDisplay } from '../terminal/sweep.ts';
import { tableLines } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';
import { INTERRUPTED } from './train.ts';

/** What a sweep's file and its flags say of the sweep itself. */
const PLAN_FLAGS = underHeading(
  {
    try: {
      kind: 'choices',
      value: 'NAME=VALUES',
      does: 'a setting and its values, as often as there are settings: lr=1e-4..1e-2:log, epochs=5..20:int, optimizer=sgd,adamw, schedule.name=cosine,one-cycle',
    },
    sweep: { kind: 'text', value: 'FILE', does: 'the same and the flags below, as YAML, JSON or TypeScript' },
    trials: { kind: 'number', value: 'N', does: 'combinations to try', default: 'the whole grid of lists, else 12' },
    search: {
      kind: 'one',
      of: ['grid', 'random'],
      value: 'HOW',
      does: 'grid or random',
      default: 'grid where all are lists, else random',
    },
    seeds: { kind: 'numbers', value: 'A,B,C', does: 'train each combination once with each, and compare means' },
    stop: {
      kind: 'one',
      of: ['halving', 'median', 'none'],
      value: 'HOW',
      does: 'leave poor trials early by halving (the best third goes on), by the median of those before, or none',
      default: 'halving',
    },
    keep: { kind: 'number', value: 'N', does: 'halving: one trial of so many goes on', default: '3' },
    grace: { kind: 'number', value: 'N', does: 'epochs before which no trial is stopped', default: '1' },
    out: {
      kind: 'text',
      value: 'DIR',
      does: "the sweep's folder, a run directory for each trial in it",
      default: 'sweeps/NAME-1',
    },
    config: { ...CONFIG_FLAG.config, does: 'settings of all trials by the names of the flags; flags win' },
  },
  'Sweep',
);

export const command = defineCommand({
  name: 'sweep',
  summary: 'train with many combinations of settings, stop poor ones early, rank them',
  description:
    "Each trial is an ordinary run directory in the sweep's folder, beside sweep.html, sweep.csv and sweep.json. Ctrl-C saves; the same command, or thaw resume, goes on.",
  words: [MODEL_WORD, { ...DATA_WORD, inConfig: true }],
  flags: { ...PLAN_FLAGS, ...TRAIN_FLAGS },
  examples: [
    "thaw sweep default images --try 'lr=3e-4..1e-2:log' --try preset=gradual,full --trials 20",
    'thaw sweep model.onnx images --sweep sweep.yaml --epochs 20',
  ],
  async run({ words, values, terminal, signal }) {
    const { config, sweep: planFile, out, try: tried, trials, search, seeds, stop, keep, grace, ...flags } = values;
    const file = await readConfigFile(config);
    const planned = planFile === undefined ? {} : (await readConfigFile(planFile)).settings;
    const given = Object.entries({ trials, search, seeds, stop, keep, grace }).filter(
      ([, value]) => value !== undefined,
    );
    const plan = {
      ...planned,
      ...Object.fromEntries(given),
      try: { ...(planned.try as SpaceInput | undefined), ...tried },
    };
    const request = { ...subjectOf('sweep', words, file), out, settings: withFlags(file, flags), ...plan };
    return finish(await sweep(request, { onEvent: tellingRun(new SweepDisplay(terminal).take), signal }), terminal);
  },
});

/** The table, and where everything is. @returns the exit code */
export function finish(outcome: SweepOutcome, terminal: Terminal): number {
  if (terminal.json) terminal.line({ type: 'done', ...outcome });
  const { metric, trials, path } = outcome;
  const { colours: c } = terminal;
  const settings = Object.keys(trials[0].values);
  terminal.say();
  const table = tableLines([
    ['rank', metric?.title ?? 'metric', ...settings, 'epochs', 'state', 'run'],
    ...trials.map(({ rank, metric: value, std, values, epochs, status, paths }) => [
      String(rank ?? '–'),
      value === null || !metric
        ? '–'
        : `${measured(metric, value)}${std === null ? '' : ` ± ${measured(metric, std)}`}`,
      ...settings.map((name) => shown(values[name])),
      String(epochs),
      status,
      paths.length > 1 ? `${paths[0]} …` : paths[0],
    ]),
  ]);
  for (const [i, line] of table.entries()) terminal.say(i === 0 ? c.dim(line) : i === 1 ? c.bold(line) : line);
  terminal.say();
  if (outcome.status === 'interrupted') {
    terminal.say(styled`${c.yellow('Stopped and saved.')} Go on with:`);
    terminal.say(`  thaw resume ${quoted(path)}`);
    return INTERRUPTED;
  }
  terminal.say(
    styled`${c.green('Done')}: ${plural(trials.length, 'trial')}, tables in ${quoted(`${path}/sweep.html`)} and sweep.csv`,
  );
  const [first] = trials;
  if (first.status === 'finished') terminal.say(`The best model is ${quoted(`${path}/${first.paths[0]}/model`)}`);
  return 0;
}

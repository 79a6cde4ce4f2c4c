import { quoted } from '../../node/commands/paths.ts';
import { type SpaceInput, type SweepOutcome, sweep } from '../../node/commands/sweep/index.ts';
import { measured, plural, shown } from '../../report/format.ts';
import { reportingRun } from '../child.ts';
import { defineCommand } from '../command.ts';
import { modelAndDataOf, readConfigFile, withFlags } from '../config-file.ts';
import { CONFIG_FLAG, DATA_ARGUMENT, MODEL_ARGUMENT, withHeading } from '../shared-flags.ts';
import { styled } from '../terminal/styled.ts';
import { SweepDisplay } from '../terminal/sweep.ts';
import { tableLines } from '../terminal/table.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { resumeCommand, TRACKING_FLAGS, type TrackingFlags, trackersOf } from '../trackers.ts';
import { TRAIN_FLAGS } from '../train-flags.ts';
import { INTERRUPTED } from './train.ts';

/** Flags for the sweep itself, which its file can also set. */
const PLAN_FLAGS = withHeading(
  {
    try: {
      kind: 'choices',
      value: 'NAME=VALUES',
      description:
        'one setting and its values (repeatable): lr=1e-4..1e-2:log, epochs=5..20:int, optimizer=sgd,adamw, schedule.name=cosine,one-cycle',
    },
    sweep: {
      kind: 'text',
      value: 'FILE',
      description: 'plan file with --try and the flags below, as YAML, JSON or TypeScript',
    },
    trials: {
      kind: 'number',
      value: 'N',
      description: 'combinations to try',
      default: 'the whole grid, or 12 random ones',
    },
    search: {
      kind: 'one',
      of: ['grid', 'random'],
      value: 'HOW',
      description: 'grid or random',
      default: 'grid if all settings are lists, else random',
    },
    seeds: { kind: 'numbers', value: 'A,B,C', description: 'train each combination once per seed, and compare means' },
    stop: {
      kind: 'one',
      of: ['halving', 'median', 'none'],
      value: 'HOW',
      description: 'stop bad trials early: halving (keep the best third), median (of the earlier trials), or none',
      default: 'halving',
    },
    keep: { kind: 'number', value: 'N', description: 'halving: keep one of this many trials', default: '3' },
    grace: { kind: 'number', value: 'N', description: 'minimum epochs before a trial can stop', default: '1' },
    out: {
      kind: 'text',
      value: 'DIR',
      description: 'sweep folder, with a run directory for each trial',
      default: 'sweeps/NAME-1',
    },
    config: { ...CONFIG_FLAG.config, description: 'settings for all trials, named like the flags; flags win' },
  },
  'Sweep',
);

export const command = defineCommand({
  name: 'sweep',
  summary: 'train with many combinations of settings, stop bad ones early, rank them',
  description:
    "Each trial is an ordinary run directory in the sweep's folder, next to sweep.html, sweep.csv and sweep.json. Ctrl-C saves the sweep. To resume it, run the same command again, or thaw resume.",
  positionals: [MODEL_ARGUMENT, { ...DATA_ARGUMENT, inConfig: true }],
  flags: { ...PLAN_FLAGS, ...TRAIN_FLAGS, ...TRACKING_FLAGS },
  examples: [
    "thaw sweep default images --try 'lr=3e-4..1e-2:log' --try preset=gradual,full --trials 20",
    'thaw sweep model.onnx images --sweep sweep.yaml --epochs 20',
  ],
  async run({ positionals, values, terminal, signal }) {
    const { mlflow, experiment, logModel, ...others } = values;
    const { config, sweep: planFile, out, try: tried, trials, search, seeds, stop, keep, grace, ...flags } = others;
    const tracking = { mlflow, experiment, logModel };
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
    const sinks = trackersOf(file, tracking);
    const request = { ...modelAndDataOf('sweep', positionals, file), out, settings: withFlags(file, flags), ...plan };
    const hooks = { onEvent: reportingRun(new SweepDisplay(terminal).show), signal, sinks };
    return finish(await sweep(request, hooks), terminal, tracking);
  },
});

/** Prints the table and the paths of the results. @returns the exit code */
export function finish(outcome: SweepOutcome, terminal: Terminal, tracking: TrackingFlags): number {
  if (terminal.json) terminal.printJsonLine({ type: 'done', ...outcome });
  const { metric, trials, path } = outcome;
  const { colours: c } = terminal;
  const settings = Object.keys(trials[0].values);
  terminal.print();
  const rows = [
    ['rank', metric?.title ?? 'metric', ...settings, 'epochs', 'status', 'run'],
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
  ];
  const table = tableLines(rows, { width: terminal.width });
  // A wide table has several blocks of lines.
  for (const [i, line] of table.entries()) {
    const row = i % (rows.length + 1);
    terminal.print(row === 0 ? c.dim(line) : row === 1 ? c.bold(line) : line);
  }
  terminal.print();
  if (outcome.status === 'interrupted') {
    terminal.print(styled`${c.yellow('Stopped and saved.')} Resume with:`);
    terminal.printWhole(`  ${resumeCommand(path, tracking)}`);
    return INTERRUPTED;
  }
  terminal.print(styled`${c.green('Done')}: compared ${plural(trials.length, 'combination')} of settings`);
  terminal.print();
  terminal.print(styled`${c.dim('report ')}  ${quoted(`${path}/sweep.html`)} (table: sweep.csv)`);
  const [first] = trials;
  if (first.status === 'finished')
    terminal.print(styled`${c.dim('model  ')}  ${quoted(`${path}/${first.paths[0]}/model`)} (the best)`);
  return 0;
}

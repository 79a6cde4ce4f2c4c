import { sep } from 'node:path';
import { clean } from '../../node/commands/clean/index.ts';
import { quoted } from '../../node/commands/paths.ts';
import { agreementText } from '../../report/cleaning/index.ts';
import { TITLES } from '../../report/cleaning/kinds.ts';
import { plural } from '../../report/format.ts';
import { taskNames } from '../../tasks/index.ts';
import { defineCommand } from '../command.ts';
import { CLASSIFIER_FLAGS, DATA_ARGUMENT, without } from '../shared-flags.ts';
import { JobDisplay } from '../terminal/job.ts';
import { fitted, padded, styled } from '../terminal/styled.ts';

/** Findings of each kind to print. */
const PRINTED = 3;

export const command = defineCommand({
  name: 'clean',
  summary: 'find wrong labels, duplicates, outliers and bad images in a data set',
  description:
    'Writes report.html, a page where you accept or reject each finding and save a new table for thaw train, and the findings as issues.csv, issues.json and ranking.csv. It only reads the data. With another model, it finds more: a model of photographs for photographs.',
  positionals: [{ ...DATA_ARGUMENT, description: 'labelled images or texts, as for thaw train' }],
  flags: {
    model: {
      kind: 'text',
      value: 'MODEL',
      description: 'the model whose features are compared, pretrained or finished; for texts, a model of texts',
      default: 'default, the embedded model of drawings',
    },
    out: { kind: 'text', value: 'DIR', description: 'output folder', default: 'clean/<name of the data>' },
    folds: { kind: 'number', value: 'N', description: 'folds of the predictions that find wrong labels', default: '5' },
    seed: { kind: 'number', value: 'N', description: 'seed of the folds', default: '0' },
    task: {
      kind: 'one',
      of: taskNames,
      value: 'NAME',
      description: `${taskNames.join(', ')}; wrong labels are found for classes only`,
      default: 'classification',
    },
    targets: { kind: 'names', value: 'A,B', description: 'columns of numbers, or of labels as 0 and 1' },
    table: {
      kind: 'text',
      value: 'FILE.csv',
      description: 'write a new table here; needs --decisions or --accept',
      heading: 'New table',
    },
    decisions: {
      kind: 'text',
      value: 'FILE',
      description: 'apply the decisions that the page saved as JSON',
      heading: 'New table',
    },
    accept: {
      kind: 'names',
      value: 'KINDS',
      description: 'accept all findings of these kinds without looking, such as leak,duplicate; or all',
      heading: 'New table',
    },
    dark: {
      kind: 'number',
      value: 'N',
      description: 'dark: 99% of the pixels below this brightness',
      default: '0.32',
      heading: 'Image checks',
    },
    bright: {
      kind: 'number',
      value: 'N',
      description: 'bright: 99% of the pixels above it',
      default: '0.95',
      heading: 'Image checks',
    },
    blurred: {
      kind: 'number',
      value: 'N',
      description: 'blurred: sharpness below this share of the median',
      default: '0.04',
      heading: 'Image checks',
    },
    empty: {
      kind: 'number',
      value: 'N',
      description: 'empty: standard deviation of the values below this',
      default: '0.01',
      heading: 'Image checks',
    },
    tiny: {
      kind: 'number',
      value: 'N',
      description: 'tiny: shorter side below this, and below half of the median',
      default: '48',
      heading: 'Image checks',
    },
    shape: {
      kind: 'number',
      value: 'N',
      description: 'odd shape: one side longer than this many times the other',
      default: '3',
      heading: 'Image checks',
    },
    ...without(CLASSIFIER_FLAGS, ['labels', 'tta', 'output']),
  },
  examples: [
    'thaw clean images',
    'thaw clean photos --model mobilenetv4-small',
    'thaw clean images --table clean.csv --accept leak,duplicate',
  ],
  async run({ positionals: [data], values, terminal, signal }) {
    const { model, out, folds, seed, task, targets, table, decisions, accept, strict, ...rest } = values;
    const { dark, bright, blurred, empty, tiny, shape, ...settings } = rest;
    const display = new JobDisplay(terminal);
    const { colours: c } = terminal;
    const outcome = await clean(
      {
        ...{ data, model, out, folds, seed, task, targets, table, decisions, accept, strict, settings },
        limits: { dark, bright, blurred, empty, tiny, shape },
      },
      {
        onEvent: (event) => {
          display.show(event);
          if (event.type !== 'mismatch') return;
          terminal.print(c.yellow('note  for photographs, a model of photographs finds more wrong labels:'));
          terminal.printWhole(`      thaw clean ${quoted(data)} --model ${event.better}`);
        },
        signal,
      },
    );
    terminal.clear();
    if (terminal.json) terminal.printJson(outcome);
    const { findings, samples, noun, agreement } = outcome;
    const short = (file: string) => (file.startsWith(`${data}${sep}`) ? file.slice(data.length + 1) : file);
    terminal.print(`${plural(findings.length, 'finding')} in ${plural(samples, noun)}`);
    terminal.print(
      c.dim(agreement === null ? 'Labels are not examined: they are not classes.' : agreementText(agreement)),
      0,
    );
    for (const [kind, title] of Object.entries(TITLES)) {
      const own = findings.filter((finding) => finding.kind === kind);
      if (own.length === 0) continue;
      terminal.print(styled`${padded(String(own.length), 6, 'start')}  ${c.bold(title)}`);
      for (const { file, why } of own.slice(0, PRINTED))
        terminal.print(c.dim(fitted(`        ${short(file)}: ${why}`, terminal.width)));
    }
    terminal.print(styled`${c.dim('review')}  ${quoted(outcome.page)}`);
    if (outcome.table)
      terminal.print(styled`${c.dim('table')}   ${quoted(outcome.table.file)}, ${plural(outcome.table.rows, 'row')}`);
    return 0;
  },
});

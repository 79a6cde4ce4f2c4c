// The main job on the embedded model. It was pretrained on pictograms of one colour, and learns animals from colour emoji; other
// artists' emoji measure it. It is trained in three ways, so that the report can compare them: from scratch, the head only, and
// thawed layer by layer, as `thaw train` does without settings.
//   npm run demo                 opens the report in the browser, if there is one
//   npm run demo -- --no-open    only prints the report's path
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Terminal } from '../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../src/cli/terminal/training.ts';
import { type TrainingResult, type TrainRequest, train } from '../../src/node/commands/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import type { ComparisonRow } from '../../src/report/index.ts';
import { defaultNetwork } from '../pretrain/network.ts';
import { openerFor, openFile } from './browser.ts';
import { drawImages } from './images.ts';

const EMBEDDED = fileURLToPath(new URL('../../artifacts/default', import.meta.url));

/** Of the other two ways. From scratch, more would make the demo longer; docs/lab/2026-11-defaults.md has the accuracy after 60. */
const epochs = { scratch: 30, headOnly: 45 };

const unknown = process.argv.slice(2).find((argument) => argument !== '--no-open');
if (unknown !== undefined) {
  console.error(`Unknown argument: ${unknown}. Usage: npm run demo [-- --no-open]`);
  process.exit(2);
}

const { env, stdout, stderr } = process;
const terminal = new Terminal({ json: false, stdout, stderr, env });
const folder = firstFree('runs/demo');
const data = join(folder, 'emoji');
const images = await drawImages(data);
terminal.print(
  `${images.classes} animals, ${images.train} emoji to train on, ${images.val} emoji by other artists to validate with\n`,
);

const scratch = await run('from scratch', {
  model: writeUntrained(join(folder, 'untrained')),
  settings: { preset: 'full', epochs: epochs.scratch, pretrainedRate: 1, lr: 2e-3, batchNorm: 'training' },
});
const headOnly = await run('head only', {
  model: 'default',
  settings: { preset: 'head-only', epochs: epochs.headOnly },
});
const comparison = [scratch, headOnly].map(
  ({ name, outcome }): ComparisonRow => ({
    name,
    accuracy: outcome.after!.accuracy,
    seconds: outcome.seconds,
    link: `../${folderOf(name)}/report.html`,
  }),
);
const gradual = await run('layer by layer', { model: 'default', comparison });

terminal.print('\nvalidation accuracy on other artists’ emoji');
for (const { name, outcome } of [scratch, headOnly, gradual]) {
  terminal.print(`  ${name.padEnd(14)} ${outcome.after!.accuracy.toFixed(3)}  ${outcome.seconds.toFixed(0)} s`);
}
const report = resolve(gradual.outcome.report!);
terminal.print(`\nreport  ${report}`);
if (!process.argv.includes('--no-open')) {
  const opener = openerFor(process.platform, env, Boolean(stdout.isTTY));
  if (opener) await openFile(opener, report);
}

async function run(
  name: string,
  request: Omit<TrainRequest<'classification'>, 'data' | 'out'>,
): Promise<{ name: string; outcome: TrainingResult<'classification'> }> {
  terminal.print(`── ${name} ──`);
  const display = new TrainingDisplay(terminal);
  const outcome = await train({ ...request, data, out: join(folder, folderOf(name)) }, { onEvent: display.show });
  terminal.print(`${name}: ${outcome.after!.accuracy.toFixed(3)}\n`);
  return { name, outcome };
}

function folderOf(name: string): string {
  return name.replaceAll(' ', '-');
}

/** The default model's network with random weights, and with the default model's recommendations: they suit drawings. */
function writeUntrained(folder: string): string {
  const { thaw } = JSON.parse(readFileSync(join(EMBEDDED, 'config.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), writeModel(defaultNetwork(images.classes, 0)));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ thaw }));
  copyFileSync(join(EMBEDDED, 'preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
  return join(folder, 'model.onnx');
}

function firstFree(name: string): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!existsSync(candidate)) return candidate;
  }
}

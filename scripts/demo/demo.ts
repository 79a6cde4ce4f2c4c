// The main job on the embedded default model: eighteen concepts that it has never seen, ten drawings each, validated on the
// drawings of other artists. Trained three ways, so that the report can compare: from scratch, the head only, and thawing gradually as
// `thaw train default PICTURES` does.
//   npm run demo
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Terminal } from '../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../src/cli/terminal/training.ts';
import { type TrainOutcome, type TrainRequest, train } from '../../src/jobs/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import type { ComparisonRow } from '../../src/report/index.ts';
import { defaultNetwork } from '../pretrain/network.ts';
import { drawDemoPictures } from './pictures.ts';

const EMBEDDED = fileURLToPath(new URL('../../artifacts/default', import.meta.url));

const terminal = new Terminal({ json: false, stdout: process.stdout, stderr: process.stderr, env: process.env });
const folder = firstFree('runs/demo');
const pictures = await drawDemoPictures(join(folder, 'pictures'));
terminal.say(
  `${pictures.concepts.length} concepts, ${pictures.train} drawings to train on, ${pictures.val} by other artists to validate\n`,
);

const scratch = await run('from scratch', {
  model: writeUntrained(join(folder, 'untrained')),
  settings: { preset: 'full', pretrainedRate: 1, lr: 2e-3, batchNorm: 'training' },
});
const headOnly = await run('head only', { model: 'default', settings: { preset: 'head-only' } });
const comparison = [scratch, headOnly].map(
  ({ name, outcome }): ComparisonRow => ({
    name,
    accuracy: outcome.after!.accuracy,
    seconds: outcome.seconds,
    link: `../${folderOf(name)}/report.html`,
  }),
);
const gradual = await run('gradual', { model: 'default', comparison });

terminal.say('\nvalidation accuracy on other artists’ drawings');
for (const { name, outcome } of [scratch, headOnly, gradual]) {
  terminal.say(`  ${name.padEnd(13)} ${outcome.after!.accuracy.toFixed(3)}  ${outcome.seconds.toFixed(0)} s`);
}
terminal.say(`\nreport  ${resolve(gradual.outcome.report!)}`);

async function run(
  name: string,
  request: Omit<TrainRequest, 'data' | 'out'>,
): Promise<{ name: string; outcome: TrainOutcome }> {
  terminal.say(`── ${name} ──`);
  const display = new TrainingDisplay(terminal);
  const outcome = await train(
    { ...request, data: pictures.folder, out: join(folder, folderOf(name)) },
    { onEvent: display.take },
  );
  terminal.say(`${name}: ${outcome.after!.accuracy.toFixed(3)}\n`);
  return { name, outcome };
}

function folderOf(name: string): string {
  return name.replaceAll(' ', '-');
}

/** The default model's network as it was before its pretraining, with its recommendations: they suit drawings. */
function writeUntrained(folder: string): string {
  const { thaw } = JSON.parse(readFileSync(join(EMBEDDED, 'config.json'), 'utf8'));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), writeModel(defaultNetwork(pictures.concepts.length, 0)));
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

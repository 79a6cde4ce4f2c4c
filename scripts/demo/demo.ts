// The main job on the embedded default model: eighteen concepts that it has never seen, ten drawings each, validated on the
// drawings of other artists. Trained three ways (from scratch, the head only, thawing gradually), so that the report can compare.
//   npm run demo
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Terminal } from '../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../src/cli/terminal/training.ts';
import { type TrainOutcome, type TrainRequest, train } from '../../src/jobs/index.ts';
import { writeModel } from '../../src/onnx/index.ts';
import type { ComparisonRow } from '../../src/report/index.ts';
import { defaultNetwork } from '../pretrain/network.ts';
import { drawDemoPictures } from './pictures.ts';

/** Drawings stay what they are when turned, shifted, sheared, scaled a little, and in any colour. */
const AUGMENTATION = {
  fill: 'edge',
  rotation: { probability: 1, degrees: [-15, 15] },
  translation: { probability: 1, fraction: [-0.06, 0.06] },
  shear: { probability: 0.7, degrees: [-10, 10] },
  resizedCrop: { probability: 0.8, scale: [0.6, 1], ratio: [0.8, 1.25] },
  horizontalFlip: { probability: 0.3 },
  hue: { probability: 1, degrees: [-180, 180] },
  blur: { probability: 0.2, sigma: [0.4, 1.2] },
};
/** The same for all three, the number of epochs too. With so few drawings in so many epochs, each is shown in a new view every time. */
const SETTINGS = { seed: 1, lr: 1e-2, augment: AUGMENTATION, views: 0 };
const EPOCHS = 24;
const EMBEDDED = fileURLToPath(new URL('../../artifacts/default', import.meta.url));

const terminal = new Terminal({ json: false, stdout: process.stdout, stderr: process.stderr, env: process.env });
const folder = firstFree('runs/demo');
const pictures = await drawDemoPictures(join(folder, 'pictures'));
terminal.say(
  `${pictures.concepts.length} concepts, ${pictures.train} drawings to train on, ${pictures.val} by other artists to validate\n`,
);

const scratch = await run('from scratch', {
  model: writeUntrained(join(folder, 'untrained')),
  settings: { ...SETTINGS, preset: 'full', epochs: EPOCHS, pretrainedRate: 1, lr: 2e-3, batchNorm: 'training' },
});
const headOnly = await run('head only', {
  model: 'default',
  settings: { ...SETTINGS, preset: 'head-only', epochs: EPOCHS },
});
const comparison = [scratch, headOnly].map(
  ({ name, outcome }): ComparisonRow => ({
    name,
    accuracy: outcome.after!.accuracy,
    seconds: outcome.seconds,
    link: `../${folderOf(name)}/report.html`,
  }),
);
const gradual = await run('gradual', {
  model: 'default',
  settings: {
    ...SETTINGS,
    pretrainedRate: 0.05,
    stages: [
      { train: 'head', epochs: EPOCHS / 2 },
      { train: 'last:3', epochs: EPOCHS / 4, lr: 2e-3 },
      { train: 'last:5', epochs: EPOCHS / 4, lr: 1e-3 },
    ],
  },
  comparison,
});

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

/** The default model's network as it was before its pretraining. */
function writeUntrained(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'model.onnx'), writeModel(defaultNetwork(pictures.concepts.length, SETTINGS.seed)));
  copyFileSync(join(EMBEDDED, 'preprocessor_config.json'), join(folder, 'preprocessor_config.json'));
  return join(folder, 'model.onnx');
}

function firstFree(name: string): string {
  for (let i = 1; ; i++) {
    const candidate = i === 1 ? name : `${name}-${i}`;
    if (!existsSync(candidate)) return candidate;
  }
}

/** Trainings of every task, and of texts, in two forms: for Node, and as requests over a channel. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainingSettings } from '../../src/session/index.ts';
import type { TaskName } from '../../src/tasks/index.ts';
import type { LabelledSample, ModelRequest } from '../../src/worker/index.ts';
import { COLOURS, type Project } from '../node/commands/project.ts';
import { modelIn } from './request.ts';

export interface Lesson<T extends TaskName = TaskName> {
  readonly task: T;
  /** For Node: folders or files. */
  readonly folder: string;
  readonly data: string;
  readonly model: ModelRequest;
  /** Images are paths, in the order in which Node reads them. */
  readonly samples: readonly LabelledSample<T, string>[];
  readonly settings: TrainingSettings;
}

/** Plain SGD. If a gradient is close to zero, Adam in a page would turn rounding errors into full steps. */
const common: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.02,
  optimizer: { name: 'sgd', momentum: 0.9 },
  pretrainedRate: 1,
  augment: 'none',
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'all', epochs: 2 },
  ],
};

type Colour = keyof typeof COLOURS;

const LABELS: Readonly<Record<Colour, readonly string[]>> = { blue: ['blue', 'cold'], green: ['cold'], red: ['warm'] };

/** The project's images, sorted as Node sorts them. The last validation image of each colour is a test image. */
function imagesOf(project: Project) {
  const shown = (['train', 'val'] as const).flatMap((split) =>
    (Object.keys(COLOURS) as Colour[]).flatMap((colour) =>
      Array.from({ length: split === 'train' ? 8 : 4 }, (_, i) => ({
        file: join('images', split, colour, `${i}.png`),
        colour,
        split: split === 'val' && i === 3 ? ('test' as const) : split,
      })),
    ),
  );
  return shown.map((one) => ({ ...one, image: join(project.folder, one.file) }));
}

function writeTable(project: Project, name: string, rows: readonly string[]): string {
  const path = join(project.folder, name);
  writeFileSync(path, `${rows.join('\n')}\n`);
  return path;
}

const numbersOf = (colour: Colour) => ({ red: COLOURS[colour][0], green: COLOURS[colour][1] });

export function severalLabels(project: Project): Lesson<'multi-label'> {
  const images = imagesOf(project);
  const rows = images.map(({ file, split, colour }) => `${file},${split},${LABELS[colour].join('|')}`);
  return {
    task: 'multi-label',
    folder: project.model,
    data: writeTable(project, 'labels.csv', ['file_name,split,labels', ...rows]),
    model: modelIn(project),
    samples: images.map(({ image, split, colour }) => ({ image, split, labels: LABELS[colour] })),
    settings: common,
  };
}

export function numbers(project: Project): Lesson<'regression'> {
  const images = imagesOf(project);
  const rows = images.map(
    ({ file, split, colour }) => `${file},${split},${Object.values(numbersOf(colour)).join(',')}`,
  );
  return {
    task: 'regression',
    folder: project.model,
    data: writeTable(project, 'numbers.csv', ['file_name,split,red,green', ...rows]),
    model: modelIn(project),
    samples: images.map(({ image, split, colour }) => ({ image, split, values: numbersOf(colour) })),
    // In the order of the columns.
    settings: { ...common, targets: ['red', 'green'] },
  };
}

export function vectors(project: Project): Lesson<'embedding'> {
  const images = imagesOf(project);
  const rows = images.map(({ file, split, colour }) => `${file},${split},${colour}`);
  return {
    task: 'embedding',
    folder: project.model,
    data: writeTable(project, 'classes.csv', ['file_name,split,label', ...rows]),
    model: modelIn(project),
    samples: images.map(({ image, split, colour }) => ({ image, split, label: colour })),
    settings: { ...common, embeddingSize: 4, perClass: 2 },
  };
}

const BERT = 'test/fixtures/texts/bert';
const WORDS = { good: ['wonderful', 'great', 'lovely', 'fine'], bad: ['terrible', 'awful', 'boring', 'poor'] } as const;
const THINGS = ['the film', 'this phone', 'our dinner', 'the long book', 'a new song', 'the old hotel'];

export function texts(project: Project): Lesson<'classification'> {
  const json = (name: string) => JSON.parse(readFileSync(join(BERT, name), 'utf8'));
  const samples = THINGS.flatMap((thing, t) =>
    (['good', 'bad'] as const).flatMap((label) =>
      WORDS[label].map((word, w) => ({
        // Texts of different lengths.
        text:
          (w + t) % 3 === 0 ? `${thing} was ${word}; and we left it; and the film was late` : `${thing} was ${word}`,
        label,
        split: t === 5 ? ('val' as const) : ('train' as const),
      })),
    ),
  );
  const rows = samples.map(({ text, label, split }) => `${text},${label},${split}`);
  return {
    task: 'classification',
    folder: BERT,
    data: writeTable(project, 'texts.csv', ['text,label,split', ...rows]),
    model: {
      model: readFileSync(join(BERT, 'onnx', 'model.onnx')),
      config: json('config.json'),
      tokenizer: json('tokenizer.json'),
      tokenizerConfig: json('tokenizer_config.json'),
    },
    samples,
    settings: { ...common, maxLength: 12, pooling: 'mean' },
  };
}

export const LESSONS = { severalLabels, numbers, vectors, texts } as const;

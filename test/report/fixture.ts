import { Random } from '../../src/random.ts';
import { curvesOf } from '../../src/report/index.ts';
import type { ReportData } from '../../src/report/types.ts';
import { assess, evaluationOf, softmax, temperatureFit } from '../../src/tasks/index.ts';
import type { ClassOutcome, EpochRow } from '../../src/training/events.ts';

/** A transparent image of one pixel. */
export const PIXEL =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

/** Predictions that give a confusion matrix, with higher confidence if correct. */
export function predictionsOf(random: Random, confusion: readonly (readonly number[])[]): ClassOutcome[] {
  const labels = confusion.flatMap((row, label) =>
    row.flatMap((times, predicted) => Array.from({ length: times }, () => ({ label, predicted }))),
  );
  return labels.map(({ label, predicted }, index) => {
    const scores = confusion.map((_, c) => random.between(0, 1) + (c === label ? 1.5 : 0));
    const most = Math.max(...scores);
    scores[predicted] = most + random.between(0, label === predicted ? 4 : 2);
    return { index, label, predicted, probabilities: softmax(Float32Array.from(scores)) };
  });
}

/** A matrix with about `share` of each row correct, and the rest spread over other classes. */
function matrix(random: Random, classes: number, support: number, share: number): number[][] {
  return Array.from({ length: classes }, (_, truth) => {
    const row = new Array<number>(classes).fill(0);
    for (let k = 0; k < support; k++) {
      const away = random.chance(share) ? 0 : 1 + random.below(Math.min(4, classes - 1));
      row[(truth + away) % classes]++;
    }
    return row;
  });
}

const GROUPS = ['stem', ...Array.from({ length: 16 }, (_, i) => `blocks.${i}`), 'head'];

/** Report data of a typical run with these classes: three stages, ten epochs. */
export function fixture(classes: readonly string[] = ['ant', 'bee'], images: readonly string[] = [PIXEL]): ReportData {
  const random = new Random(7, classes.length);
  const support = classes.length > 20 ? 12 : 76;
  const predictions = predictionsOf(random, matrix(random, classes.length, support, 0.972));
  const after = assess(predictions, classes, 0.104, 0);
  const stages = [
    { train: 'head', groups: 1, trainable: 2_562, epochs: 3, lr: 0.01, from: -0.09, to: -0.026 },
    { train: 'last:3', groups: 3, trainable: 1_129_922, epochs: 3, lr: 0.001, from: -0.022, to: -0.011 },
    { train: 'last:8', groups: 8, trainable: 2_871_106, epochs: 4, lr: 0.0003, from: -0.013, to: 0 },
  ];
  const parameters = 3_412_674;
  const rows: EpochRow[] = [];
  stages.forEach(({ trainable, epochs, lr, from, to }, i) => {
    for (let k = 0; k < epochs; k++) {
      const part = epochs > 1 ? k / (epochs - 1) : 1;
      const accuracy = after.accuracy + from + (to - from) * part - (part < 1 ? random.between(0, 0.008) : 0);
      rows.push({
        epoch: rows.length + 1,
        stage: i + 1,
        trainable,
        lr: lr * (0.05 + 0.95 * Math.cos((part * Math.PI) / 2)),
        train: {
          loss: 0.52 * Math.exp(-rows.length / 3.4) + random.between(0.02, 0.05),
          accuracy: Math.min(0.999, accuracy - 0.05 + rows.length * 0.0075),
        },
        val: { loss: 0.42 * Math.exp(-rows.length / 2.4) + 0.092 + random.between(0, 0.01), accuracy },
        seconds: [2.9, 6.4, 9.8][i] * (k === 0 ? 1.6 : 1),
      });
    }
  });
  const kept = rows.length - 1;
  rows[kept] = { ...rows[kept], val: { loss: after.loss, accuracy: after.accuracy } };
  const at = (i: number) => classes[i % classes.length];
  return {
    title: 'hymenoptera',
    created: '2026-11-24T08:12:30.000Z',
    model: {
      name: 'EfficientNet-Lite0',
      source: 'models/efficientnet-lite0',
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      parameters,
      opset: 17,
      groups: GROUPS,
    },
    data: {
      path: 'images/hymenoptera',
      noun: 'image',
      classes,
      counts: {
        train: classes.map((_, i) => 121 + ((i * 17) % 23) * (i % 2 ? 1 : -1)),
        val: classes.map(() => support),
        test: [],
      },
      problems: [
        { file: 'train/ants/imageNotFound.gif', reason: 'a GIF of 1 x 1 pixels' },
        { file: 'train/bees/notes.txt', reason: 'not an image' },
      ],
      summary: {
        looked: 397,
        formats: [
          { format: 'jpeg', count: 395 },
          { format: 'png', count: 2 },
        ],
        sizes: { smallest: [193, 130], median: [500, 374], largest: [2592, 1944] },
        bytes: 47_380_420,
        duplicates: [
          {
            kind: 'near',
            file: `images/train/${classes[0]}/7.jpg`,
            label: classes[0],
            other: `images/val/${classes[1]}/9.jpg`,
            otherLabel: classes[1],
            split: 'val',
          },
        ],
      },
    },
    plan: stages.map(({ train, groups, trainable, epochs, lr }, i) => ({
      stage: i + 1,
      stages: stages.length,
      thawed: GROUPS.slice(-groups, -(stages[i - 1]?.groups ?? 0) || undefined),
      train,
      groups: GROUPS.slice(-groups),
      trainable,
      frozen: parameters - trainable,
      epochs: i === 2 ? 6 : epochs,
      lr,
      seconds: rows.filter((row) => row.stage === i + 1).reduce((all, row) => all + row.seconds, 0),
      why: i === 2 ? 'plateau' : 'finished',
      bestAccuracy: Math.max(...rows.filter((row) => row.stage === i + 1).map((row) => row.val.accuracy)),
      multipliers: GROUPS.slice(-groups, -1).map((group) => ({ group, multiplier: 0.1 })),
    })),
    times: { computed: 52.1, waited: 3.4 },
    seed: 0,
    rows,
    setbacks: [{ epoch: 2, message: 'the loss has exploded (81.2) in step 7' }],
    bestEpoch: 10,
    before: evaluationOf(
      predictionsOf(random, matrix(random, classes.length, support, 1.1 / classes.length)),
      classes,
      1.02 * Math.log(classes.length),
    ),
    after,
    test: null,
    calibration: temperatureFit(predictions, { seed: 0 }),
    curves: curvesOf(predictions, classes),
    mistakes: Array.from({ length: 6 }, (_, i) => ({
      thumbnail: images[i % images.length],
      file: `images/hymenoptera/val/${at(i)}/2368${i}4_d2c4.jpg`,
      label: at(i),
      predicted: at(i + 1),
      probability: 0.98 - i * 0.07,
    })),
    samples: Array.from({ length: 16 }, (_, i) => images[(i + 3) % images.length]),
    environment: {
      thaw: '0.1.0',
      onnxruntime: '1.30.0',
      node: 'v20.19.2',
      platform: 'linux x64',
      cpu: '2 × a processor at 2.6 GHz',
      device: 'cpu',
      threads: 2,
      memory: 16.4e9,
      peakMemory: 1.23e9,
    },
    config:
      'model: models/efficientnet-lite0\ndata: images/hymenoptera\nseed: 0\nstages:\n  - train: head\n    epochs: 3\n    lr: 0.01\n  - train: last:3\n    epochs: 3\n    lr: 0.001\n  - train: last:8\n    epochs: 6\n    lr: 0.0003\n',
    seconds: 84.2,
    stopped: 'plateau',
    output: {
      path: 'runs/hymenoptera/model',
      commands: [
        { does: 'Label images', command: 'thaw predict runs/hymenoptera new-images/*.jpg' },
        { does: 'Measure it on other images', command: 'thaw eval runs/hymenoptera other-images' },
        {
          does: 'In JavaScript, with transformers.js',
          command: "await pipeline('image-classification', 'runs/hymenoptera/model')",
        },
      ],
    },
  };
}

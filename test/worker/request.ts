/** Projects of `test/node/commands/project.ts`, as requests over a channel. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDataset } from '../../src/data/node/index.ts';
import type { TrainingSettings } from '../../src/session/index.ts';
import type { Finished, LabelledSample, OpenRequest } from '../../src/worker/index.ts';
import type { Project } from '../node/commands/project.ts';

export const settings: TrainingSettings = {
  device: 'cpu',
  batch: 6,
  lr: 0.03,
  stages: [
    { train: 'head', epochs: 2 },
    { train: 'last:2', epochs: 2 },
  ],
};

/** A request whose images are paths. */
export async function requestOf(project: Project): Promise<OpenRequest<'classification'>> {
  return { ...modelIn(project), samples: await samplesOf(project), settings };
}

export const modelIn = (project: Project) => ({
  model: readFileSync(join(project.model, 'model.onnx')),
  preprocessorConfig: JSON.parse(readFileSync(join(project.model, 'preprocessor_config.json'), 'utf8')),
});

/** The images of the project, in the order in which Node reads them. */
export async function samplesOf(project: Project): Promise<LabelledSample<'classification', string>[]> {
  const { classes, train, val } = await openDataset(project.data);
  return [
    ...train.map(({ file, label }) => ({ image: file, label: classes[label] })),
    ...val.map(({ file, label }) => ({ image: file, label: classes[label], split: 'val' as const })),
  ];
}

export const modelOf = (files: Finished['files']): Buffer =>
  Buffer.from(files.find(([path]) => path === 'onnx/model.onnx')![1]);

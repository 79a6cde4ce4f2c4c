import type { CommandSpec } from '../command.ts';
import type { Listed } from '../help.ts';

interface Command extends Listed {
  /** Whether it runs ONNX Runtime. If so, it runs in a child process. */
  readonly computes?: boolean;
  readonly load: () => Promise<{ command: CommandSpec }>;
}

/**
 * All commands. Loading all of Thaw takes half a second. So each command's file loads only when needed and imports only its own job (not
 * `node/commands/index.ts`); help and early errors appear at once.
 */
export const COMMANDS: readonly Command[] = [
  {
    name: 'train',
    usage: 'train <model> <data>',
    summary: 'fine-tune a model on your images, with evaluation, export and report',
    computes: true,
    load: () => import('./train.ts'),
  },
  {
    name: 'resume',
    usage: 'resume <run>',
    summary: 'resume a stopped run at exactly the same point',
    computes: true,
    load: () => import('./resume.ts'),
  },
  {
    name: 'eval',
    usage: 'eval <run or model> <data>',
    summary: 'measure a finished model on labelled images',
    computes: true,
    load: () => import('./eval.ts'),
  },
  {
    name: 'predict',
    usage: 'predict <run or model> <images …>',
    summary: 'label images, videos or texts with a finished model',
    computes: true,
    load: () => import('./predict.ts'),
  },
  {
    name: 'explain',
    usage: 'explain <run or model> <images …>',
    summary: 'show which parts of images speak for a prediction',
    computes: true,
    load: () => import('./explain.ts'),
  },
  {
    name: 'serve',
    usage: 'serve <run or model>',
    summary: 'serve a finished model over HTTP',
    computes: true,
    load: () => import('./serve.ts'),
  },
  {
    name: 'suggest',
    usage: 'suggest <run or model> <images …>',
    summary: 'choose the unlabelled images or texts that are best to label next',
    computes: true,
    load: () => import('./suggest.ts'),
  },
  {
    name: 'calibrate',
    usage: 'calibrate <run or model> <data>',
    summary: 'make probabilities match the accuracy, and set what is unknown',
    computes: true,
    load: () => import('./calibrate.ts'),
  },
  {
    name: 'inspect',
    usage: 'inspect <model> [data]',
    summary: 'show layer groups, head, unsupported operators, suggested stages, memory',
    computes: true,
    load: () => import('./inspect.ts'),
  },
  {
    name: 'preview',
    usage: 'preview <model> <data>',
    summary: 'write a contact sheet of the augmented training images',
    load: () => import('./preview.ts'),
  },
  {
    name: 'clean',
    usage: 'clean <data>',
    summary: 'find wrong labels, duplicates, outliers and bad images in a data set',
    computes: true,
    load: () => import('./clean.ts'),
  },
  {
    name: 'find-lr',
    usage: 'find-lr <model> <data>',
    summary: 'find a learning rate with a range test',
    computes: true,
    load: () => import('./find-lr.ts'),
  },
  {
    name: 'sweep',
    usage: 'sweep <model> <data>',
    summary: 'train with many combinations of settings, stop bad ones early, rank them',
    computes: true,
    load: () => import('./sweep.ts'),
  },
  {
    name: 'artifacts',
    usage: 'artifacts <model>',
    summary: 'compile only: write the training, evaluation and optimizer graphs',
    computes: true,
    load: () => import('./artifacts.ts'),
  },
  {
    name: 'export',
    usage: 'export <run>',
    summary: 'export the model of a run in another format',
    computes: true,
    load: () => import('./export.ts'),
  },
  {
    name: 'push',
    usage: 'push <run> <owner/name>',
    summary: 'upload the model of a run to the Hugging Face hub',
    load: () => import('./push.ts'),
  },
  {
    name: 'pull',
    usage: 'pull <owner/name>',
    summary: 'download a model of the Hugging Face hub',
    load: () => import('./pull.ts'),
  },
  {
    name: 'merge',
    usage: 'merge <model> <adapters>',
    summary: 'merge the LoRA adapters of a run into the weights of a model',
    computes: true,
    load: () => import('./merge.ts'),
  },
  {
    name: 'round',
    usage: 'round <model> [data]',
    summary: 'run one round of federated training on this machine',
    computes: true,
    load: () => import('./round.ts'),
  },
  {
    name: 'federated',
    usage: 'federated <init|join|finish> <dir|superlink> [data]',
    summary: 'federated training with Flower: write an app, join it, finish its model',
    load: () => import('./federated.ts'),
  },
  {
    name: 'studio',
    usage: 'studio',
    summary: 'serve a local page for making a classifier without programming',
    load: () => import('./studio.ts'),
  },
  {
    name: 'models',
    usage: 'models [get] [model]',
    summary: 'list good models to start from, by use; get one for offline use',
    load: () => import('./models.ts'),
  },
  {
    name: 'doctor',
    usage: 'doctor',
    summary: 'show devices, versions, memory, and how to get missing parts',
    load: () => import('./doctor.ts'),
  },
];

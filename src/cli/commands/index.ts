import type { CommandSpec } from '../command.ts';
import type { Listed } from '../help.ts';

interface Command extends Listed {
  /** Whether ONNX Runtime works for it in this process, which is then one of its own. */
  readonly computes?: boolean;
  readonly load: () => Promise<{ command: CommandSpec }>;
}

/**
 * The commands. Each one's file is loaded when it is asked for, and imports the jobs that it needs and not `node/commands/index.ts`, so that help and the first
 * error come at once: loading all of Thaw takes half a second.
 */
export const COMMANDS: readonly Command[] = [
  {
    name: 'train',
    usage: 'train <model> <data>',
    summary: 'fine-tune a model on your images: new head, training, evaluation, export, report',
    computes: true,
    load: () => import('./train.ts'),
  },
  {
    name: 'resume',
    usage: 'resume <run>',
    summary: 'go on exactly where a run stopped',
    computes: true,
    load: () => import('./resume.ts'),
  },
  {
    name: 'eval',
    usage: 'eval <run or model> <data>',
    summary: 'metrics of a finished model on labelled images',
    computes: true,
    load: () => import('./eval.ts'),
  },
  {
    name: 'predict',
    usage: 'predict <run or model> <images …>',
    summary: 'label images or texts with a finished model',
    computes: true,
    load: () => import('./predict.ts'),
  },
  {
    name: 'calibrate',
    usage: 'calibrate <run or model> <data>',
    summary: 'fit a temperature, so that probabilities say how often the model is right',
    computes: true,
    load: () => import('./calibrate.ts'),
  },
  {
    name: 'inspect',
    usage: 'inspect <model>',
    summary: 'layer groups, head, unsupported operators, suggested stages, memory',
    computes: true,
    load: () => import('./inspect.ts'),
  },
  {
    name: 'preview',
    usage: 'preview <model> <data>',
    summary: 'a contact sheet of the images as a training will show them',
    load: () => import('./preview.ts'),
  },
  {
    name: 'find-lr',
    usage: 'find-lr <model> <data>',
    summary: 'learning-rate range test with a plot and a suggestion',
    computes: true,
    load: () => import('./find-lr.ts'),
  },
  {
    name: 'sweep',
    usage: 'sweep <model> <data>',
    summary: 'train with many combinations of settings, stop poor ones early, rank them',
    computes: true,
    load: () => import('./sweep.ts'),
  },
  {
    name: 'artifacts',
    usage: 'artifacts <model>',
    summary: 'only the compiler: training, evaluation and optimizer graphs, checkpoint, manifest',
    computes: true,
    load: () => import('./artifacts.ts'),
  },
  {
    name: 'export',
    usage: 'export <run>',
    summary: 'the model of a run in another form',
    computes: true,
    load: () => import('./export.ts'),
  },
  {
    name: 'merge',
    usage: 'merge <model> <adapters>',
    summary: 'a model with the adapters of a run that trained with --lora worked into its weights',
    computes: true,
    load: () => import('./merge.ts'),
  },
  {
    name: 'round',
    usage: 'round <model> [data]',
    summary: "one machine's round of a federation: from a trainable state to the next",
    computes: true,
    load: () => import('./round.ts'),
  },
  {
    name: 'federated',
    usage: 'federated <init|join|finish> <dir|superlink> [data]',
    summary: 'train together by Flower: an app (init), a client (join), its model (finish)',
    load: () => import('./federated.ts'),
  },
  {
    name: 'studio',
    usage: 'studio',
    summary: 'a page to make a classifier without programming, served to this machine only',
    load: () => import('./studio.ts'),
  },
  {
    name: 'models',
    usage: 'models',
    summary: 'good models to start from, by size and licence',
    load: () => import('./models.ts'),
  },
  {
    name: 'doctor',
    usage: 'doctor',
    summary: 'execution providers, versions, memory, what is missing and how to get it',
    load: () => import('./doctor.ts'),
  },
];

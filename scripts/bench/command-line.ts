import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { CONTENDERS, defaultInterpreters } from './contenders.ts';
import { JOBS } from './jobs.ts';
import type { BenchOptions } from './options.ts';

export const MODELS = [
  'small',
  'resnet18',
  'mobilenet_v2',
  'efficientnet_lite0',
  'efficientnet_b0',
  'regnet_y_800mf',
  'densenet121',
  'convnext_tiny',
  'vit_small',
] as const;

export const HELP = `npm run bench -- [options]

  --models LIST      ${MODELS.join(',')}
  --cases LIST       what trains, in the words of --trainable (head,last:3,all), and with --data also
                     ${Object.keys(JOBS).join(', ')}
  --contenders LIST  ${Object.keys(CONTENDERS).join(',')}
  --rounds N         turns that each contender gets (5)
  --steps N          steps that count in a turn (2), after one that does not
  --warmup N         steps of each contender before the first round (3)
  --attempts N       times that a turn is taken at most, while other work disturbs it (4)
  --trainings N      whole trainings of each side in the cases that read images, a seed for each (1)
  --threads N        threads of every contender (as many as there are cores)
  --batch N          images in a step (16)
  --data DIR         class folders of JPEGs, or train and val with class folders
  --python FILE      interpreter with PyTorch (BENCH_PYTHON, or .cache/bench/python, or python3)
  --ort-training-python FILE  interpreter with onnxruntime-training-cpu (BENCH_ORT_TRAINING_PYTHON, or .cache/bench/ort-training)
  --write FILE       put the tables into their places in FILE (docs/benchmarks.md)
`;

/** @throws Error naming the option and its possible values */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      models: text,
      cases: text,
      contenders: text,
      rounds: text,
      steps: text,
      warmup: text,
      attempts: text,
      trainings: text,
      threads: text,
      batch: text,
      data: text,
      python: text,
      'ort-training-python': text,
      write: text,
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return 'help';
  const known = Object.keys(CONTENDERS);
  const interpreters = defaultInterpreters();
  const cases = names('cases', values.cases) ?? ['head', 'last:3', 'all', ...(values.data ? Object.keys(JOBS) : [])];
  const reading = cases.find((name) => name in JOBS);
  if (reading !== undefined && values.data === undefined) {
    throw new Error(`--cases ${reading} reads images: give their folder with --data`);
  }
  return {
    models: names('models', values.models, MODELS) ?? MODELS,
    cases,
    contenders: names('contenders', values.contenders, known) ?? known.filter((name) => !CONTENDERS[name].optional),
    rounds: count('rounds', values.rounds, 5),
    steps: count('steps', values.steps, 2),
    warmup: count('warmup', values.warmup, 3),
    attempts: count('attempts', values.attempts, 4),
    trainings: count('trainings', values.trainings, 1),
    threads: count('threads', values.threads, availableParallelism()),
    batch: count('batch', values.batch, 16),
    classes: 10,
    interpreters: {
      python: values.python ?? interpreters.python,
      ortTraining: values['ort-training-python'] ?? interpreters.ortTraining,
    },
    data: values.data,
    write: values.write,
  };
}

function names(option: string, list: string | undefined, known?: readonly string[]): string[] | undefined {
  if (list === undefined) return undefined;
  const given = list.split(',').map((name) => name.trim());
  const stranger = known && given.find((name) => !known.includes(name));
  if (stranger !== undefined) throw new Error(`--${option}: there is no "${stranger}", only ${known!.join(', ')}`);
  return given;
}

function count(option: string, text: string | undefined, unless: number): number {
  if (text === undefined) return unless;
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${option} takes a whole number from 1, not "${text}"`);
  return Number(text);
}

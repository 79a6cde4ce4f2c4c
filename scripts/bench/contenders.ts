/** The contenders: the requirements of each, and how to install them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from '../../src/cli/child.ts';
import type { WorkerCommand } from './worker.ts';

/** The Python interpreters: PyTorch's, and one for ONNX Runtime's training package, which needs older versions of shared dependencies. */
export interface Interpreters {
  readonly python: string;
  readonly ortTraining: string;
}

export interface Contender {
  readonly title: string;
  /** Differences from the other contenders' computation, for the table. */
  readonly note?: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether its first loss must equal the reference's. It differs for contenders that normalize or initialize in another way. */
  readonly sameLoss: boolean;
  /** Takes part only if it is named. */
  readonly optional?: true;
  command(interpreters: Interpreters): WorkerCommand;
  /** Why it cannot take part and how to install it; undefined if it can. */
  missing(interpreters: Interpreters): string | undefined;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
/** In the environment that the `thaw` command gives its own process. */
export const thawWorker = (): WorkerCommand => ({
  env: childEnvironment(),
  command: process.execPath,
  args: ['--import', 'tsx', here('workers/thaw.ts')],
});

const thaw = (options: Contender['options']): Omit<Contender, 'title'> => ({
  options,
  sameLoss: true,
  command: thawWorker,
  missing: () => undefined,
});

const pytorch = (options: Contender['options']): Omit<Contender, 'title'> => ({
  options,
  sameLoss: options.batchNorm !== 'training',
  command: ({ python }) => ({ command: python, args: [here('python/torch_steps.py')] }),
  missing: ({ python }) => missingPackages(python, ['torch', 'torchvision', 'timm', 'onnx'], 'requirements'),
});

const tensorflow = (backend: string): Omit<Contender, 'title'> => ({
  options: {},
  sameLoss: false,
  command: () => ({ command: process.execPath, args: ['--import', 'tsx', here('peers/tfjs.js'), backend] }),
  missing: () => (hasPeer('@tensorflow/tfjs-core') ? undefined : PEERS),
});

const PEERS = 'not installed; npm install --prefix scripts/bench/peers';
const hasPeer = (name: string) => existsSync(here(`peers/node_modules/${name}`));

/** A contender in a browser's page, which takes part only if it is named. */
const inPage = (
  script: string,
  options: Contender['options'],
  python: (interpreters: Interpreters) => string[] = () => [],
): Omit<Contender, 'title'> => ({
  options,
  sameLoss: true,
  optional: true,
  command: (interpreters) => ({
    command: process.execPath,
    args: ['--import', 'tsx', here('page/contender.ts'), here(script), ...python(interpreters)],
  }),
  missing: () => undefined,
});

const tensorflowInPage = (backend: string): Omit<Contender, 'title'> => ({
  ...inPage('peers/tfjs-page.js', { backend }),
  sameLoss: false,
  missing: () => (hasPeer(`@tensorflow/tfjs-backend-${backend}`) ? undefined : PEERS),
});

/** The contender that the others are compared with: PyTorch if it takes part, otherwise the first. */
export const referenceOf = (contenders: readonly string[]): string =>
  contenders.includes(PYTORCH) ? PYTORCH : contenders[0];

const PYTORCH = 'pytorch';

/** By name, in the order of the tables. */
export const CONTENDERS: Readonly<Record<string, Contender>> = {
  thaw: { title: 'Thaw', note: 'the usual export, batch norm folded', ...thaw({ batchNorm: 'folded' }) },
  'thaw-kept': { title: 'Thaw', note: 'batch norm kept, statistics frozen', ...thaw({ batchNorm: 'kept' }) },
  [PYTORCH]: {
    title: 'PyTorch, channels_last',
    note: 'batch norm kept, statistics frozen',
    ...pytorch({ memoryFormat: 'channels_last', batchNorm: 'frozen' }),
  },
  'pytorch-nchw': {
    title: 'PyTorch, default layout',
    note: 'batch norm kept, statistics frozen',
    ...pytorch({ batchNorm: 'frozen' }),
  },
  'pytorch-folded': {
    title: 'PyTorch, channels_last',
    note: 'batch norm folded',
    ...pytorch({ memoryFormat: 'channels_last', batchNorm: 'folded' }),
  },
  'pytorch-training': {
    title: 'PyTorch, channels_last',
    note: 'batch norm in training mode',
    ...pytorch({ memoryFormat: 'channels_last', batchNorm: 'training' }),
  },
  'pytorch-fused': {
    title: 'PyTorch, channels_last, AdamW(fused=True)',
    note: 'batch norm kept, statistics frozen',
    optional: true,
    ...pytorch({ memoryFormat: 'channels_last', batchNorm: 'frozen', fusedOptimizer: true }),
  },
  'pytorch-compile': {
    title: 'PyTorch, channels_last, torch.compile',
    note: 'batch norm kept, statistics frozen',
    optional: true,
    ...pytorch({ memoryFormat: 'channels_last', batchNorm: 'frozen', compile: true }),
  },
  'ort-training': {
    title: 'onnxruntime-training-cpu',
    note: 'batch norm folded',
    options: {},
    sameLoss: true,
    command: ({ ortTraining }) => ({ command: ortTraining, args: [here('python/ort_training.py')] }),
    missing: missingOrtTraining,
  },
  onnxsim: {
    title: 'onnxsim',
    note: 'batch norm folded',
    options: {},
    sameLoss: true,
    command: ({ python }) => ({ command: python, args: [here('python/onnxsim_steps.py')] }),
    missing: ({ python }) => missingPackages(python, ['onnxsim', 'onnxruntime'], 'requirements'),
  },
  tfjs: { title: 'TensorFlow.js, WebAssembly', note: 'batch norm folded, one thread', ...tensorflow('wasm') },
  'tfjs-cpu': {
    title: 'TensorFlow.js, JavaScript',
    note: 'batch norm folded, one thread',
    optional: true,
    ...tensorflow('cpu'),
  },
  'page-thaw': { title: 'Thaw, WebAssembly, in a page', ...inPage('page/thaw.ts', { device: 'wasm' }) },
  'page-thaw-1': {
    title: 'Thaw, WebAssembly, in a page',
    note: 'one thread',
    ...inPage('page/thaw.ts', { device: 'wasm', threads: 1 }),
  },
  'page-thaw-webgpu': { title: 'Thaw, WebGPU, in a page', ...inPage('page/thaw.ts', { device: 'webgpu' }) },
  'page-ort-training': {
    title: 'onnxruntime-web/training, in a page',
    note: 'one thread: it has no more',
    ...inPage('peers/ort-training-page.js', {}, ({ ortTraining }) => [ortTraining]),
    missing: (interpreters) => (hasPeer('onnxruntime-web') ? missingOrtTraining(interpreters) : PEERS),
  },
  'page-tfjs': { title: 'TensorFlow.js, WebAssembly, in a page', ...tensorflowInPage('wasm') },
  'page-tfjs-webgl': { title: 'TensorFlow.js, WebGL, in a page', ...tensorflowInPage('webgl') },
  'page-tfjs-cpu': { title: 'TensorFlow.js, JavaScript, in a page', note: 'one thread', ...tensorflowInPage('cpu') },
};

function missingOrtTraining({ ortTraining }: Interpreters): string | undefined {
  return missingPackages(ortTraining, ['onnxruntime-training-cpu', 'torch', 'onnx'], 'ort-training-requirements');
}

/** The packages that the interpreter lacks, and the command that installs them: a list in scripts/bench/python. */
export function missingPackages(python: string, names: readonly string[], list: string): string | undefined {
  const how = `${python} -m pip install -r scripts/bench/python/${list}.txt`;
  try {
    const lacking = execFileSync(python, ['-c', LACKING, ...names], { encoding: 'utf8' }).trim();
    return lacking === '' ? undefined : `${python} lacks ${lacking}; ${how}`;
  } catch {
    const folder = dirname(dirname(python));
    return `${python} does not run; ${folder === '.' ? '' : `python3 -m venv ${folder} && `}${how}`;
  }
}

const LACKING = `
import sys
from importlib.metadata import PackageNotFoundError, version

def lacks(name):
    try:
        return version(name) and False
    except PackageNotFoundError:
        return True

print(*filter(lacks, sys.argv[1:]), sep=", ")
`;

/** The virtual environments from the instructions in docs/benchmarks.md, if they exist. */
export function defaultInterpreters(): Interpreters {
  const inCache = (name: string) => relative(process.cwd(), here(`../../.cache/bench/${name}/bin/python`));
  const own = inCache('python');
  return {
    python: process.env.BENCH_PYTHON ?? (existsSync(own) ? own : 'python3'),
    ortTraining: process.env.BENCH_ORT_TRAINING_PYTHON ?? inCache('ort-training'),
  };
}

/** The parts of Thaw that read files from other people. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/safetensors.ts';
import { formatName } from '../../src/data/file-format.ts';
import { parseHeader } from '../../src/data/image-header.ts';
import { checkImage } from '../../src/data/node/check.ts';
import { decodeImage } from '../../src/data/node/decode.ts';
import { listTable } from '../../src/data/node/table.ts';
import { openTexts } from '../../src/data/node/texts.ts';
import { TextTokenizer } from '../../src/data/text/index.ts';
import { sha256 } from '../../src/digest.ts';
import { ThawError } from '../../src/errors.ts';
import { labelsOf, metadataOf } from '../../src/export/index.ts';
import { flower } from '../../src/federated/flower/generated/fleet.js';
import { unpackObject } from '../../src/federated/flower/objects.ts';
import { unpackContent } from '../../src/federated/flower/records.ts';
import { readRoundState, writeRoundState } from '../../src/federated/index.ts';
import { readModelFile } from '../../src/node/models/files.ts';
import { resolveModel } from '../../src/node/models/index.ts';
import { bytesOf, type Model, readModel, tensor, writeModel } from '../../src/onnx/index.ts';
import type { Random } from '../../src/random.ts';
import {
  choosePreprocessing,
  chooseText,
  openInputShapes,
  readSettings,
  takesTexts,
  withRecommended,
} from '../../src/session/index.ts';
import { mutateBytes, mutateJson, mutateModel, mutateText } from './mutate.ts';
import { mutateGraph } from './mutate-graph.ts';
import { mutateSafetensors } from './mutate-safetensors.ts';
import * as runDirectory from './run-directory.ts';
import { EXTERNAL, SEEDS } from './seeds.ts';
import { trainOnce } from './training.ts';

type Mutation = (content: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

export interface Target {
  /** Valid files. */
  corpus(): Promise<Uint8Array[]> | Uint8Array[];
  readonly mutate: Mutation;
  /** The steps that are applied to a file, if an outcome lists all of them, separated by ` | `. */
  readonly steps?: readonly string[];
  /**
   * Whether an outcome shows that at least a part of Thaw accepted the file. Such a file is mutated further. Without
   * this function, any outcome except a `ThawError` counts.
   */
  isTaken?(outcome: string): boolean;
  /** The maximum duration of an attempt, in milliseconds; two seconds unless given. */
  readonly slow?: number;
  /** Adds the files that surround the file in its folder. */
  surround?(folder: string): void;
  /**
   * Uses a file as Thaw does.
   * @returns the outcome, in a few words
   * @throws ThawError if the file is refused; any other error is a fault
   */
  attempt(content: Uint8Array, folder: string): Promise<string> | string;
}

/** The contents of files that no model may read. */
export const SECRET = 'what nobody who makes a model is to see ';

/** Objects of a message from Flower 1.42, by id. */
const FLOWER_OBJECTS: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries<string>(JSON.parse(readFileSync('test/fixtures/flower.json', 'utf8')).asked.objects).map(
    ([id, object]) => [id, new Uint8Array(Buffer.from(object, 'base64'))],
  ),
);

/**
 * Reads an object of a message, together with objects that it may refer to and objects that refer to it, up to the
 * message content.
 */
async function attemptFlowerObject(content: Uint8Array): Promise<string> {
  const { type, body } = unpackObject(content);
  if (type === 'Message') return String(readIds(body));
  const own = await sha256(content);
  const objects = new Map([...FLOWER_OBJECTS, [own, content]]);
  let root = own;
  const around = async (kind: string, words: string) => {
    const named = Buffer.concat([Buffer.from(`${kind} ${root} ${words.length}\0`), Buffer.from(words)]);
    root = await sha256(named);
    objects.set(root, named);
  };
  if (type === 'ArrayChunk')
    await around('Array', '{"dtype": "float32", "shape": [2], "stype": "numpy.ndarray", "arraychunk_ids": [0]}');
  if (type === 'Array' || type === 'ArrayChunk') await around('ArrayRecord', `{"w": "${root}"}`);
  if (type !== 'RecordDict') await around('RecordDict', `{"r": "${root}"}`);
  return `${type} of ${unpackContent(root, objects, 1e6).size} records`;
}

/** The objects that are complete on their own. */
async function readFlowerObjects(): Promise<Uint8Array[]> {
  const whole: Uint8Array[] = [];
  for (const object of FLOWER_OBJECTS.values())
    await attemptFlowerObject(object).then(
      () => whole.push(object),
      () => undefined,
    );
  return whole;
}

function readIds(body: Uint8Array): unknown {
  try {
    return flower.Message.decode(body).metadata?.run_id;
  } catch (cause) {
    // Decoded like the answers of a SuperLink.
    throw new ThawError('bad-data', (cause as Error).message, '');
  }
}

const fixtures = (folder: string, ending: string, largest: number) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => new Uint8Array(readFileSync(join(folder, file))))
    .filter(({ length }) => length <= largest);

/** Adds files around a model: its weights, links that leave the folder, and a pipe without a writer. */
function surroundModel(folder: string): void {
  const home = join(folder, 'home');
  mkdirSync(join(home, 'sub'), { recursive: true });
  mkdirSync(join(folder, 'outside'));
  writeFileSync(join(folder, 'secret'), SECRET.repeat(1000));
  writeFileSync(join(folder, 'outside/secret'), SECRET.repeat(1000));
  symlinkSync('../secret', join(home, 'secret-link'));
  symlinkSync('../outside', join(home, 'folder-link'));
  writeFileSync(join(home, 'weights.bin'), EXTERNAL);
  execFileSync('mkfifo', [join(home, 'pipe')]);
}

const secretBytes = Buffer.from(SECRET);

function refuseSecrets(model: Model): void {
  for (const weight of model.graph.initializers.values()) {
    if (weight.type !== 'string' && Buffer.from(bytesOf(weight)).includes(secretBytes))
      throw new Error('the model got at a file outside its folder');
  }
}

/** An outcome without the names and numbers of a particular file. */
export const classOf = (line: string): string => line.replace(/"[^"]*"|-?\d+|\/\S+/g, '…').slice(0, 120);

const placeModel = (content: Uint8Array, folder: string): string => {
  const path = join(folder, 'home/model.onnx');
  writeFileSync(path, content);
  return path;
};

const place = (content: Uint8Array, folder: string, name: string): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const text = (lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join('\n')}\n`);

const plain = readModelOf('artifacts/default/onnx/model.onnx');
const encoder = readModelOf('test/fixtures/texts/bert/onnx/model.onnx');

function readModelOf(path: string): () => Model {
  let model: Model | undefined;
  return () => {
    model ??= readModel(readFileSync(path));
    return model;
  };
}

/** Mutates the contents of a safetensors file, or the file as text or bytes. */
const mutateState: Mutation = (content, random, others) => {
  const change = random.below(4);
  if (change === 0) return mutateText(content, random, others);
  return change === 1 || content.length < 8 ? mutateBytes(content, random, others) : mutateSafetensors(content, random);
};

export const TARGETS: Readonly<Record<string, Target>> = {
  /** Reads a model, before ONNX Runtime sees any of it. */
  model: {
    corpus: () => fixtures('test/fixtures/networks', '.onnx', 20_000),
    mutate: mutateModel,
    surround: surroundModel,
    async attempt(content, folder) {
      const { path, preprocessing } = await resolveModel(placeModel(content, folder));
      const model = await readModelFile(path);
      refuseSecrets(model);
      const kind = takesTexts(model) ? 'texts' : 'images';
      openInputShapes(model, preprocessing);
      metadataOf(model);
      readModel(writeModel(model));
      return kind;
    },
  },
  /** Reads a model, then does everything with it that Thaw does, up to a training step. */
  training: {
    corpus: () => Object.values(SEEDS).map((seed) => seed().model),
    mutate: mutateGraph,
    surround: surroundModel,
    async attempt(content, folder) {
      return (await trainOnce(placeModel(content, folder), folder)).map(classOf).join(' | ');
    },
    steps: ['inspect', 'artifacts', 'training step'],
    // A large input is slow.
    slow: 10_000,
    isTaken: (outcome) => /inspected|artifacts of|trained:/.test(outcome),
  },
  /** Run directories, sweeps and federations, read by their commands. */
  'run directory': { ...runDirectory, slow: 20_000, isTaken: () => false },
  safetensors: {
    corpus: () => [
      writeSafetensors({
        tensors: new Map([
          ['a', tensor('float32', [2, 3], new Float32Array(6))],
          ['b', tensor('int64', [2], new BigInt64Array(2))],
          ['193', tensor('uint8', [5], new Uint8Array(5))],
          ['none', tensor('float32', [0, 4], new Float32Array())],
        ]),
        metadata: { step: '1', epoch: '2' },
      }),
      writeSafetensors({ tensors: new Map(), metadata: {} }),
    ],
    mutate: mutateState,
    attempt: (content) => `${readSafetensors(content).tensors.size} tensors`,
  },
  'round state': {
    corpus: () => [
      writeRoundState(
        {
          source: 'a'.repeat(64),
          task: { task: 'classification', classes: ['cat', 'dog'] },
          seed: 1,
          epoch: 2,
          tensors: new Map([['fc.bias', tensor('float32', [2], Float32Array.of(1, 2))]]),
        },
        ['fc.bias'],
      ),
    ],
    mutate: mutateState,
    attempt: (content) => readRoundState(content).task.task,
  },
  'flower object': {
    corpus: readFlowerObjects,
    mutate: (content, random, others) =>
      random.below(2) ? mutateText(content, random, others) : mutateBytes(content, random, others),
    attempt: attemptFlowerObject,
  },
  config: {
    corpus: () => [
      text(['epochs: 3', 'lr: 0.01', 'optimizer: {name: adamw, weightDecay: 0.1}', 'schedule: cosine', 'seed: 1']),
      text(['trainable: [head, "last:2"]', 'mixup: 0.2', 'labels: [a, b]', 'augment: light', 'ema: 0.9', 'batch: 8']),
      text(['stages:', '  - train: head', '    epochs: 2', '  - train: last:2', '    epochs: 3', 'target: 0.9']),
      text(['{"epochs": 3, "lr": 0.001, "loss": {"name": "focal", "gamma": 2}, "rollbacks": {"most": 1}}']),
    ],
    mutate: mutateText,
    async attempt(content, folder) {
      const json = content[0] === 0x7b;
      const { settings } = await readConfigFile(place(content, folder, json ? 'thaw.config.json' : 'thaw.config.yaml'));
      readSettings(settings);
      return 'settings';
    },
  },
  table: {
    corpus: () => [
      text(['file_name,label,split', 'a.png,cat,train', 'b.png,"dog, large",val', 'c.png,"a ""b""",test']),
      text(['file,label', 'a.png,cat', 'b.png,dog']),
      text(['{"file_name": "a.png", "label": "cat"}', '{"file_name": "b.png", "label": "dog", "x": 3}']),
      text(['{"file_name": "a.png", "labels": ["a"]}', '{"file_name": "b.png", "labels": ["a", "b"]}']),
    ],
    mutate: mutateText,
    surround: (folder) => {
      for (const name of ['a.png', 'b.png', 'c.png']) writeFileSync(join(folder, name), '');
    },
    async attempt(content, folder) {
      const path = place(content, folder, content[0] === 0x7b ? 'data.jsonl' : 'data.csv');
      const kind = Buffer.from(content).includes('labels') ? 'labels' : 'class';
      return `${(await listTable(path, { kind })).entries.length} rows`;
    },
  },
  texts: {
    corpus: () => [
      text(['text,label,split', 'fine,good,train', '"bad, very",bad,train', 'nice,good,val', 'ugly,bad,train']),
      text([
        '{"text": "fine", "label": "good"}',
        '{"text": "awful", "label": "bad"}',
        '{"text": "ok", "label": "bad"}',
        '{"text": "well", "label": "good"}',
      ]),
    ],
    mutate: mutateText,
    async attempt(content, folder) {
      const path = place(content, folder, content[0] === 0x7b ? 'data.jsonl' : 'data.csv');
      return `${(await openTexts(path)).classes.length} classes`;
    },
  },
  image: {
    async corpus() {
      const base = () => sharp({ create: { width: 40, height: 30, channels: 3, background: '#c84' } });
      return Promise.all([
        base()
          .jpeg()
          .withExif({ IFD0: { Orientation: '6' } })
          .toBuffer(),
        base().png().toBuffer(),
        base().png({ palette: true }).toBuffer(),
        base().webp().toBuffer(),
        base().webp({ lossless: true }).toBuffer(),
        base().gif().toBuffer(),
        base().tiff().toBuffer(),
        base().avif().toBuffer(),
        readFileSync('test/data/photo.heic'),
        Buffer.from(
          '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="30"><rect width="9" height="9"/></svg>',
        ),
      ]);
    },
    mutate: mutateBytes,
    async attempt(content, folder) {
      parseHeader(content);
      formatName(content);
      const path = place(content, folder, 'image.jpg');
      const found = await checkImage(path, 'quick');
      if ('reason' in found) return found.reason.replace(/\(.*/, '');
      const { preprocessing } = choosePreprocessing(plain(), undefined, {} as never);
      // An image that looks valid but cannot be decoded is skipped elsewhere, with its reason.
      await decodeImage(path, preprocessing).catch(() => undefined);
      return found.format;
    },
  },
  preprocessing: {
    corpus: () => [
      new Uint8Array(readFileSync('artifacts/default/preprocessor_config.json')),
      text([
        '{"do_resize": true, "size": {"shortest_edge": 80}, "crop_size": {"height": 80, "width": 80}, "do_center_crop": true,',
        '"resample": 3, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "rescale_factor": 0.00392, "do_normalize": true}',
      ]),
    ],
    mutate: mutateJson,
    attempt: (content) => choosePreprocessing(plain(), JSON.parse(asJson(content)), {} as never).from,
  },
  labels: {
    corpus: () => [
      new Uint8Array(readFileSync('artifacts/default/config.json')).slice(),
      text(['{"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 0, "b": 1}}']),
    ],
    mutate: mutateJson,
    attempt: (content) => `${labelsOf(JSON.parse(asJson(content)))?.length} labels`,
  },
  recommendations: {
    corpus: () => [
      text([
        '{"thaw": {"training": {"augment": "drawings", "views": 0, "lr": 0.01, "pretrainedRate": 0.1, "layerDecay": 0.9}}}',
      ]),
      text([
        '{"thaw": {"training": {"augment": {"fill": "edge", "rotation": {"probability": 1, "degrees": [-9, 9]}}}}}',
      ]),
    ],
    mutate: mutateJson,
    attempt: (content) => Object.keys(withRecommended({}, JSON.parse(asJson(content))).recommended).join(),
  },
  tokenizer: {
    corpus: () =>
      ['bert', 'roberta'].map((name) => new Uint8Array(readFileSync(`test/fixtures/texts/${name}/tokenizer.json`))),
    mutate: mutateJson,
    attempt(content) {
      const tokenizer = JSON.parse(asJson(content));
      const format = chooseText(encoder(), { tokenizer, tokenizerConfig: {}, config: {} }, {});
      const encoded = new TextTokenizer(format).encode('A fine day, isn’t it? 你好 💥');
      if (!encoded.ids.every(Number.isInteger)) throw new Error('a token has no number');
      return encoded.cut ? 'cut' : 'whole';
    },
  },
};

/** The model target covers files that are not JSON. Here they count as an empty object. */
function asJson(content: Uint8Array): string {
  const all = Buffer.from(content).toString('utf8');
  try {
    JSON.parse(all);
    return all;
  } catch {
    return '{}';
  }
}

/** What takes files from strangers. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { readConfigFile } from '../../src/cli/config-file.ts';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/safetensors.ts';
import { formatName } from '../../src/data/file-format.ts';
import { checkImage } from '../../src/data/node/check.ts';
import { decodeImage } from '../../src/data/node/decode.ts';
import { listTable } from '../../src/data/node/table.ts';
import { openTexts } from '../../src/data/node/texts.ts';
import { TextTokenizer } from '../../src/data/text/index.ts';
import { parseHeader } from '../../src/data/web/header.ts';
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
  /** Files that are right. */
  corpus(): Promise<Uint8Array[]> | Uint8Array[];
  readonly mutate: Mutation;
  /** What is done to a file in turn, if an outcome names all of them, with ` | ` between. */
  readonly steps?: readonly string[];
  /** Whether an outcome is one of a file that was taken, at least by a part of Thaw, and that is mutated further; any but a `ThawError` unless given. */
  isTaken?(outcome: string): boolean;
  /** Milliseconds after which an attempt takes too long; two seconds unless given. */
  readonly slow?: number;
  /** Puts into the folder what the file has around it. */
  surround?(folder: string): void;
  /**
   * Does with a file what Thaw does with it.
   * @returns what came of it, in a word
   * @throws ThawError where it is refused; anything else is a fault
   */
  attempt(content: Uint8Array, folder: string): Promise<string> | string;
}

/** Stands in files that no model may read. */
export const SECRET = 'what nobody who makes a model is to see ';

/** Of a message as Flower 1.42 makes it, by id. */
const FLOWER_OBJECTS: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries<string>(JSON.parse(readFileSync('test/fixtures/flower.json', 'utf8')).asked.objects).map(
    ([id, object]) => [id, new Uint8Array(Buffer.from(object, 'base64'))],
  ),
);

/** Reads an object of a message with those that it may name, and with what names it, up to the message's content. */
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

/** Those of the message that are whole alone. */
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
    // As a SuperLink's answers are decoded.
    throw new ThawError('bad-data', (cause as Error).message, '');
  }
}

const fixtures = (folder: string, ending: string, largest: number) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => new Uint8Array(readFileSync(join(folder, file))))
    .filter(({ length }) => length <= largest);

/** A folder with a model in it: beside it weights, links out of it, a pipe that nobody writes to. */
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

/** An outcome without the names and numbers of one file. */
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

/** A safetensors file in what it says, as a text or as bytes. */
const mutateState: Mutation = (content, random, others) => {
  const change = random.below(4);
  if (change === 0) return mutateText(content, random, others);
  return change === 1 || content.length < 8 ? mutateBytes(content, random, others) : mutateSafetensors(content, random);
};

export const TARGETS: Readonly<Record<string, Target>> = {
  /** A model as it is read, before ONNX Runtime sees anything of it. */
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
  /** The same, and then everything that Thaw does with it up to a training step. */
  training: {
    corpus: () => Object.values(SEEDS).map((seed) => seed().model),
    mutate: mutateGraph,
    surround: surroundModel,
    async attempt(content, folder) {
      return (await trainOnce(placeModel(content, folder), folder)).map(classOf).join(' | ');
    },
    steps: ['inspect', 'artifacts', 'training step'],
    // A large input takes its time.
    slow: 10_000,
    isTaken: (outcome) => /inspected|artifacts of|trained:/.test(outcome),
  },
  /** Run directories, sweeps and federations, by the commands that read them. */
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
      // An image that looks right and can't be decoded is left out, with its reason, where it is.
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

/** What is no JSON is refused where a model's folder is read (the model target): here it stands for nothing. */
function asJson(content: Uint8Array): string {
  const all = Buffer.from(content).toString('utf8');
  try {
    JSON.parse(all);
    return all;
  } catch {
    return '{}';
  }
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isClassifier } from '../../../src/compiler/surgery/index.ts';
import type { Batch, BatchOptions } from '../../../src/data/index.ts';
import { paddedLength, type TextFormat, TextSource, TextTokenizer } from '../../../src/data/text/index.ts';
import { type Model, numbersOf, readModel, writeModel } from '../../../src/onnx/index.ts';
import { nodeRuntime } from '../../../src/runtime/node/sessions.ts';
import { chooseText, prepareModel, type TextFiles } from '../../../src/session/index.ts';

interface Expected {
  readonly maxLength: number;
  readonly texts: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly values: readonly number[];
  }[];
}

const runtime = nodeRuntime();

function load(name: string): { model: Model; files: TextFiles; expected: Expected } {
  const folder = join('test', 'fixtures', 'texts', name);
  const json = (file: string) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  return {
    model: readModel(readFileSync(join(folder, 'onnx', 'model.onnx'))),
    files: {
      tokenizer: json('tokenizer.json'),
      tokenizerConfig: json('tokenizer_config.json'),
      config: json('config.json'),
    },
    expected: json('expected.json'),
  };
}

const fixtures = { bert: load('bert'), roberta: load('roberta') };
const formatOf = ({ model, files }: typeof fixtures.bert, maxLength?: number): TextFormat =>
  chooseText(model, files, { maxLength });

const sourceOf = (texts: readonly string[], format: TextFormat, options: { seed?: number; shuffle?: boolean } = {}) =>
  new TextSource({ samples: texts.map((text, i) => ({ file: `${i}`, text, label: i % 2 })), format, ...options });

async function batchesOf(source: TextSource, batchSize: number, epoch = 0, from = 0): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of source.batches({ epoch, batchSize, from })) batches.push(batch);
  return batches;
}

describe.each(Object.entries(fixtures))('%s', (name, fixture) => {
  const { model, expected } = fixture;
  const format = formatOf(fixture, expected.maxLength);

  test('tokens equal those of Python, and truncation keeps special tokens', () => {
    const tokenizer = new TextTokenizer(format);
    for (const { text, ids } of expected.texts) expect(tokenizer.encode(text).ids, text).toEqual(ids);
    expect(expected.texts.map(({ text }) => tokenizer.encode(text).cut)).toContain(true);
  });

  test('a padded batch gives the results of PyTorch', async () => {
    const session = await runtime.load(writeModel(model));
    const texts = expected.texts.map(({ text }) => text);
    const [batch, ...others] = await batchesOf(sourceOf(texts, format), texts.length);
    expect(others).toEqual([]);
    const feeds = Object.fromEntries(format.inputs.map((input, i) => [input, batch.inputs[i]]));
    const [output] = Object.values(await session.run(feeds));
    await session.release();
    const mask = numbersOf(feeds.attention_mask);
    const [count, length] = batch.inputs[0].shape;
    for (const [row, index] of batch.indices.entries()) {
      const all = numbersOf(output);
      const width = expected.texts[0].values.length;
      const tokens = Array.from({ length }, (_, t) => t).filter((t) => mask[row * length + t]);
      const mean = (i: number) =>
        tokens.reduce((sum, t) => sum + all[(row * length + t) * width + i], 0) / tokens.length;
      const values = Array.from({ length: width }, (_, i) => (name === 'bert' ? mean(i) : all[row * width + i]));
      for (const [i, value] of expected.texts[index].values.entries()) expect(values[i]).toBeCloseTo(value, 4);
    }
    expect(count).toBe(texts.length);
  });
});

test('a classifier on an encoder uses the mean over tokens, the first token, or the pooled output', async () => {
  const { bert } = fixtures;
  const format = formatOf(bert, bert.expected.maxLength);
  const texts = bert.expected.texts.map(({ text }) => text);
  const [batch] = await batchesOf(sourceOf(texts, format), texts.length);
  const feeds = Object.fromEntries(format.inputs.map((input, i) => [input, batch.inputs[i]]));
  expect(isClassifier(bert.model)).toBe(false);
  const scores = async (pooling: 'auto' | 'cls' | 'mean') => {
    const { source, anatomy } = await prepareModel(bert.model, runtime, {
      classes: 3,
      encoder: { pooling, features: 32 },
      seed: 3,
    });
    expect(anatomy.head).toMatchObject({ features: 32, classes: 3, graphOutput: 'logits' });
    const session = await runtime.load(writeModel(source));
    const { logits } = await session.run(feeds);
    await session.release();
    return {
      logits,
      weights: ['weight', 'bias'].map((w) => numbersOf(source.graph.initializers.get(`classifier.${w}`)!)),
    };
  };
  const {
    logits,
    weights: [w, b],
  } = await scores('auto');
  for (const [row, index] of batch.indices.entries())
    for (let c = 0; c < 3; c++) {
      const value = bert.expected.texts[index].values.reduce((sum, x, i) => sum + x * w[c * 32 + i], b[c]);
      expect(numbersOf(logits)[row * 3 + c]).toBeCloseTo(value, 4);
    }
  expect(numbersOf((await scores('mean')).logits)).toEqual(numbersOf(logits));
  expect(numbersOf((await scores('cls')).logits)).not.toEqual(numbersOf(logits));
  const none = prepareModel(bert.model, runtime, { classes: 3, encoder: { pooling: 'pooler' } });
  await expect(none).rejects.toMatchObject({
    code: 'bad-config',
    message: expect.stringContaining('last_hidden_state'),
  });
});

test('a classification model keeps all layers except the last', async () => {
  const { model } = fixtures.roberta;
  expect(isClassifier(model)).toBe(true);
  const { anatomy, source } = await prepareModel(model, runtime, { classes: 5, encoder: { pooling: 'auto' } });
  expect(anatomy.head).toMatchObject({ features: 24, classes: 5 });
  const operators = ({ graph }: Model) => graph.nodes.map(({ op }) => op).filter((op) => op !== 'Constant');
  expect(operators(source)).toEqual(operators(model));
});

describe('lengths', () => {
  test('are few, and at most a third of a text is padding', () => {
    const format = formatOf(fixtures.bert);
    const long = { ...format, maxLength: 512 };
    const lengths = Array.from({ length: 512 }, (_, i) => paddedLength(i + 1, long));
    expect([...new Set(lengths)]).toEqual([8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]);
    for (const [i, length] of lengths.entries()) {
      expect(length).toBeGreaterThanOrEqual(i + 1);
      if (i >= 8) expect((i + 1) / length).toBeGreaterThan(2 / 3);
    }
    expect(paddedLength(3, { ...format, fixedLength: 40 })).toBe(40);
  });

  test('have at most the maximum length of the model', () => {
    expect(formatOf(fixtures.bert).maxLength).toBe(40);
    expect(formatOf(fixtures.roberta).maxLength).toBe(32);
    expect(() => formatOf(fixtures.roberta, 33)).toThrow(/32/);
    expect(() => new TextTokenizer(formatOf(fixtures.bert, 2))).toThrow(/special/);
  });
});

describe('batches', () => {
  const format = formatOf(fixtures.bert);
  const texts = Array.from({ length: 23 }, (_, i) => 'wonderful '.repeat(1 + ((i * 7) % 30)));

  test('are full except one, with similar lengths, each text once, equal for equal seed and epoch', async () => {
    const source = sourceOf(texts, format, { seed: 1, shuffle: true });
    const batches = await batchesOf(source, 4, 2);
    expect(batches.map(({ indices }) => indices.length).sort()).toEqual([3, 4, 4, 4, 4, 4]);
    expect(batches.flatMap(({ indices }) => indices).sort((a, b) => a - b)).toEqual(texts.map((_, i) => i));
    for (const { inputs, sizes, indices } of batches) {
      expect(inputs.map(({ shape }) => shape)).toEqual(format.inputs.map(() => [indices.length, sizes!.sequence]));
    }
    const again = sourceOf(texts, format, { seed: 1, shuffle: true });
    expect(await batchesOf(again, 4, 2)).toEqual(batches);
    expect(await batchesOf(again, 4, 2, 4)).toEqual(batches.slice(4));
    expect((await batchesOf(again, 4, 3)).map(({ indices }) => indices)).not.toEqual(
      batches.map(({ indices }) => indices),
    );
  });

  test('can be some of an epoch, or have chosen texts only', async () => {
    const source = sourceOf(texts, format, { seed: 1, shuffle: true });
    const all = await batchesOf(source, 4, 2);
    const read = async (options: Pick<BatchOptions, 'until' | 'only'>) => {
      const batches: (readonly number[])[] = [];
      for await (const { indices } of source.batches({ epoch: 2, batchSize: 4, ...options })) batches.push(indices);
      return batches;
    };
    expect(await read({ until: 2 })).toEqual(all.slice(0, 2).map(({ indices }) => indices));
    expect((await read({ only: [3, 20, 7] })).flat().sort((a, b) => a - b)).toEqual([3, 7, 20]);
  });

  test('have no rows for recalled texts', async () => {
    const source = sourceOf(texts.slice(0, 6), format);
    const known = new Set<string>();
    for await (const { keys } of source.batches({ epoch: 0, batchSize: 6, recall: async () => undefined }))
      for (const key of keys!.slice(0, 2)) known.add(key!);
    const recall = async (key: string) => (known.has(key) ? { form: 'x', bytes: new Uint8Array(1) } : undefined);
    for await (const { inputs, labels, recalled } of source.batches({ epoch: 0, batchSize: 6, recall })) {
      expect(inputs[0].shape[0]).toBe(4);
      expect(labels.length).toBe(6);
      expect(recalled!.filter(Boolean)).toHaveLength(2);
    }
  });
});

test('reports inputs that a tokenizer cannot provide, and a missing tokenizer', () => {
  const { model, files } = fixtures.bert;
  expect(() => chooseText(model, { ...files, tokenizer: undefined }, {})).toThrow(/no tokenizer\.json/);
  expect(() => new TextTokenizer({ ...formatOf(fixtures.bert), tokenizer: { model: { type: 'Odd' } } })).toThrow(
    /tokenizer\.json cannot be used/,
  );
  const odd = {
    ...model,
    graph: { ...model.graph, inputs: [...model.graph.inputs, { name: 'position_ids', type: 'int64' as const }] },
  };
  expect(() => chooseText(odd, files, {})).toThrow(/position_ids/);
});

// Explanations of a model's answers: numbers next to captum's, places in the original image, and what is refused.
import { readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type HeatMap, overlayPixels, presetPreprocessing } from '../../src/data/index.ts';
import { sharpReader } from '../../src/data/node/index.ts';
import { type Model, readModel, type Tensor, tensor } from '../../src/onnx/index.ts';
import { Random } from '../../src/random.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { Explainer, type ExplainOptions, readExplainOptions } from '../../src/session/explainer.ts';
import { loadedModel, type PredictionSettings, Predictor } from '../../src/session/index.ts';
import { gaussLegendre } from '../../src/session/quadrature.ts';
import { smallModel } from '../small-models.ts';

const runtime = await nodeRuntime();

describe('numbers', () => {
  interface Reference {
    readonly shape: readonly number[];
    readonly images: readonly number[];
    readonly target: readonly number[];
    readonly steps: number;
    readonly delta: readonly number[];
    readonly maps: Readonly<Record<string, { readonly values: readonly number[] }>>;
  }
  const folder = new URL('../fixtures/explain/', import.meta.url);
  const referenceOf = (name: string): Reference =>
    JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Reference;
  const modelOf = (name: string) => readModel(readFileSync(new URL(`${name}.onnx`, folder)));
  const preprocessing = presetPreprocessing('unit', { width: 32, height: 24 });
  const batchOf = ({ shape, images, target }: Reference) => ({
    images: tensor('float32', shape, Float32Array.from(images)),
    outputs: target,
  });

  async function explained(model: Model, reference: Reference, options: ExplainOptions) {
    const explainer = await Explainer.open(model, preprocessing, runtime);
    const maps = await explainer.explain(batchOf(reference), readExplainOptions(options));
    await explainer.release();
    return maps;
  }

  test.each(['cnn', 'vit'])('integrated gradients of the %s equal captum’s, and add up to the score', async (name) => {
    const reference = referenceOf(name);
    const maps = await explained(modelOf(name), reference, { method: 'integrated-gradients', steps: reference.steps });
    const expected = reference.maps['integrated-gradients'].values;
    const found = maps.flatMap(({ map }) => [...map.values]);
    expect(found).toHaveLength(expected.length);
    expect(Math.max(...found.map((value, i) => Math.abs(value - expected[i])))).toBeLessThan(1e-5);
    for (const [i, { completeness }] of maps.entries())
      expect(completeness!.sum - completeness!.difference).toBeCloseTo(reference.delta[i], 4);
  });

  test('Gauss-Legendre nodes and weights are exact', () => {
    const { nodes, weights } = gaussLegendre(3);
    const root = Math.sqrt(3 / 5) / 2;
    for (const [i, node] of [0.5 - root, 0.5, 0.5 + root].entries()) expect(nodes[i]).toBeCloseTo(node, 14);
    for (const [i, weight] of [5 / 18, 8 / 18, 5 / 18].entries()) expect(weights[i]).toBeCloseTo(weight, 14);
    const { nodes: many, weights: of } = gaussLegendre(50);
    expect(many.reduce((sum, x, i) => sum + of[i] * x ** 99, 0)).toBeCloseTo(1 / 100, 14);
  });

  // Adebayo et al., "Sanity checks for saliency maps" (2018): a map that does not change with the weights explains nothing.
  describe('the sanity check', () => {
    /** Draws weights anew: those of the head, or all. */
    function randomized(model: Model, which: 'head' | 'all'): Model {
      const random = new Random(11, which);
      const drawn = (name: string, { shape, data, type }: Tensor): boolean =>
        type === 'float32' && shape.length > 1 && data.length > 30 && (which === 'all' || /^head/.test(name));
      const again = (name: string, own: Tensor): Tensor => {
        if (!drawn(name, own)) return own;
        const values = own.data as Float32Array;
        const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
        return tensor(
          'float32',
          own.shape,
          values.map(() => size * random.normal()),
        );
      };
      const initializers = new Map([...model.graph.initializers].map(([name, own]) => [name, again(name, own)]));
      return { ...model, graph: { ...model.graph, initializers } };
    }

    /** Spearman's rank correlation. */
    function correlation(a: HeatMap, b: HeatMap): number {
      const ranks = ({ values }: HeatMap) => {
        const order = [...values.keys()].sort((i, j) => values[i] - values[j]);
        const rank = new Float64Array(values.length);
        for (const [place, i] of order.entries()) rank[i] = place;
        return rank;
      };
      const [x, y] = [ranks(a), ranks(b)];
      const mean = (x.length - 1) / 2;
      const product = (p: Float64Array, q: Float64Array) =>
        p.reduce((sum, v, i) => sum + (v - mean) * (q[i] - mean), 0);
      return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
    }

    async function similarity(name: string, which: 'head' | 'all', method: ExplainOptions['method']): Promise<number> {
      const [model, reference] = [modelOf(name), referenceOf(name)];
      const before = await explained(model, reference, { method, steps: 10 });
      const after = await explained(randomized(model, which), reference, { method, steps: 10 });
      return before.reduce((sum, { map }, i) => sum + correlation(map, after[i].map) / before.length, 0);
    }

    test.each([
      ['cnn', 'head', 'grad-cam'],
      ['cnn', 'head', 'grad-cam++'],
      ['cnn', 'head', 'integrated-gradients'],
      ['vit', 'head', 'grad-cam'],
      ['vit', 'head', 'attention'],
      ['vit', 'head', 'integrated-gradients'],
      ['cnn', 'all', 'grad-cam'],
      ['cnn', 'all', 'integrated-gradients'],
      ['vit', 'all', 'attention'],
      ['vit', 'all', 'rollout'],
    ] as const)('%s: another %s gives another map by %s', async (name, which, method) => {
      expect(await similarity(name, which, method)).toBeLessThan(0.7);
    });

    test('rollout does not look at the head, as docs/explain.md says', async () => {
      expect(await similarity('vit', 'head', 'rollout')).toBeCloseTo(1, 5);
    });
  });
});

// ------------------------------------------------------------------------------------------------------------------

const SIDE = 32;
/** Eight times smaller maps of red, green and blue; the class of each colour reads the mean of its map. */
const colours = (shape: readonly (number | string)[] = ['batch', 3, SIDE, SIDE]) => {
  const filters = new Float32Array(3 * 3 * 4 * 4);
  for (let c = 0; c < 3; c++) for (let i = 0; i < 16; i++) filters[(c * 3 + c) * 16 + i] = 1 / 16;
  return smallModel({
    inputs: { images: shape },
    outputs: { logits: ['batch', 3] },
    initializers: {
      filters: tensor('float32', [3, 3, 4, 4], filters),
      head: tensor('float32', [3, 3], Float32Array.from([9, -4, -4, -4, 9, -4, -4, -4, 9])),
      bias: tensor('float32', [3], new Float32Array(3)),
    },
    nodes: [
      ['Conv', ['images', 'filters'], ['maps'], { strides: [4, 4] }],
      ['GlobalAveragePool', ['maps'], ['pooled']],
      ['Flatten', ['pooled'], ['features']],
      ['Gemm', ['features', 'head', 'bias'], ['logits'], { transB: 1 }],
    ],
  });
};

async function load(settings: PredictionSettings = {}, config?: object) {
  const files = { name: 'colours', source: 'colours', config };
  const given = { preprocessing: 'unit', size: SIDE, labels: ['red', 'green', 'blue'], ...settings };
  const asked = { model: colours(), files, settings: config ? { ...given, labels: undefined } : given };
  const predictor = await Predictor.open(asked, { runtime });
  return loadedModel<never, Uint8Array>(predictor as never, (inputs) => sharpReader((file) => inputs[Number(file)]));
}

/** A dark image with a red square that begins at a fraction of its sides, and is a quarter of the shorter side. */
async function spotted(width: number, height: number, [x, y]: readonly [number, number]) {
  const side = Math.round(Math.min(width, height) / 4);
  const input = await sharp({ create: { width: side, height: side, channels: 3, background: '#f00' } })
    .png()
    .toBuffer();
  const canvas = sharp({ create: { width, height, channels: 3, background: '#000' } });
  return canvas.composite([{ input, left: Math.round(x * width), top: Math.round(y * height) }]);
}

/** The centre of the strongest tenth of an overlay, as fractions of the image. */
function centre({ data, width, height }: ReturnType<typeof overlayPixels>): [number, number] {
  const alpha = Array.from({ length: width * height }, (_, i) => data[4 * i + 3]);
  const most = Math.max(...alpha);
  const strong = [...alpha.keys()].filter((i) => alpha[i] >= 0.9 * most);
  const mean = (of: (i: number) => number) => strong.reduce((sum, i) => sum + of(i), 0) / strong.length;
  return [mean((i) => ((i % width) + 0.5) / width), mean((i) => (Math.floor(i / width) + 0.5) / height)];
}

describe('places', () => {
  test.each([
    ['stretch', 96, 64, [0.7, 0.1]],
    ['stretch', 64, 96, [0.05, 0.7]],
    ['crop', 128, 64, [0.55, 0.6]],
    ['crop', 64, 128, [0.1, 0.3]],
    ['pad', 128, 64, [0.1, 0.7]],
    ['pad', 64, 128, [0.7, 0.8]],
  ] as const)('a spot is found where it is: %s, %s x %s', async (fit, width, height, place) => {
    const model = await load({ fit, ...(fit === 'crop' && { cropFraction: 0.875 }) });
    const explanation = await model.explain(await (await spotted(width, height, place)).png().toBuffer());
    const [x, y] = centre(overlayPixels(explanation, { width, height }));
    const side = Math.min(width, height) / 8;
    expect(explanation).toMatchObject({ label: 'red', method: 'grad-cam', layer: 'maps' });
    expect(Math.abs(x - place[0] - side / width)).toBeLessThan(0.06);
    expect(Math.abs(y - place[1] - side / height)).toBeLessThan(0.06);
    await model.dispose();
  });

  test('an image that a camera turned is explained upright', async () => {
    const model = await load({ fit: 'stretch' });
    const spot = await (await spotted(96, 64, [0.7, 0.1])).png().toBuffer();
    // Stored lying on its side; the tag says how to turn it.
    const turned = await sharp(spot).rotate(-90).withMetadata({ orientation: 6 }).png().toBuffer();
    expect((await sharp(turned).metadata()).width).toBe(64);
    const explanation = await model.explain(turned);
    const [x, y] = centre(overlayPixels(explanation, { width: 96, height: 64 }));
    expect(Math.abs(x - 0.7 - 8 / 96)).toBeLessThan(0.06);
    expect(Math.abs(y - 0.1 - 8 / 64)).toBeLessThan(0.06);
    await model.dispose();
  });

  test('nothing is drawn where the model does not look', async () => {
    const model = await load({ fit: 'crop', cropFraction: 0.5 });
    const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#f00' } })
      .png()
      .toBuffer();
    const { area, ...rest } = await model.explain(image);
    expect(area).toEqual({ left: 0.25, top: 0.25, width: 0.5, height: 0.5 });
    const { data } = overlayPixels({ ...rest, area }, { width: 64, height: 64 });
    const alpha = (x: number, y: number) => data[4 * (y * 64 + x) + 3];
    expect([alpha(14, 32), alpha(32, 14), alpha(50, 32)]).toEqual([0, 0, 0]);
    expect(alpha(18, 32)).toBeGreaterThan(100);
    await model.dispose();
  });
});

describe('a loaded model', () => {
  const red = () => spotted(SIDE, SIDE, [0.1, 0.1]).then((image) => image.png().toBuffer());

  test('explains one image or many, in any batch, the predicted class or another', async () => {
    const [one, many] = [await load({ batch: 1 }), await load({ batch: 3 })];
    const images = [await red(), await (await spotted(60, 40, [0.5, 0.5])).png().toBuffer(), await red(), await red()];
    const alone = await one.explain(images);
    expect(await many.explain(images)).toEqual(alone);
    expect(await one.explain(images[1])).toEqual(alone[1]);
    const { probability } = (await one(images[0])) as { readonly probability: number };
    expect(alone[0]).toMatchObject({ label: 'red', probability });
    const green = await one.explain(images[0], { label: 'green' });
    expect(green).toMatchObject({ label: 'green' });
    // The spot speaks against green.
    expect([green.map.peak, alone[0].map.peak > 0]).toEqual([0, true]);
    await one.dispose();
    await many.dispose();
  });

  test('explains the most probable of several labels', async () => {
    const config = { problem_type: 'multi_label_classification', id2label: { 0: 'red', 1: 'green', 2: 'blue' } };
    const model = await load({}, config);
    expect(model.task).toBe('multi-label');
    expect(await model.explain(await red())).toMatchObject({ label: 'red', probability: expect.any(Number) });
    await model.dispose();
  });

  test('integrated gradients begin at the baseline that is asked for', async () => {
    const model = await load();
    const image = await red();
    const of = (baseline: ExplainOptions['baseline']) =>
      model.explain(image, { method: 'integrated-gradients', steps: 2, baseline });
    const [zero, black, white] = await Promise.all([of('zero'), of('black'), of('white')]);
    // Zero is black to this model.
    expect(black.map).toEqual(zero.map);
    for (const { completeness } of [zero, white]) expect(completeness!.sum).toBeCloseTo(completeness!.difference, 4);
    expect(white.completeness!.difference).not.toBeCloseTo(zero.completeness!.difference, 1);
    await model.dispose();
  });

  test('reports what it cannot explain, and the next call works', async () => {
    const model = await load();
    const image = await red();
    const refused = (options: object) => expect(model.explain(image, options as ExplainOptions)).rejects;
    await refused({ label: 'gren' }).toThrow('the model has no label "gren"');
    await refused({ label: 'gren' }).toMatchObject({ code: 'bad-config', hint: 'Did you mean green?' });
    await refused({ method: 'attention' }).toThrow(
      'the attention of this model gives no map: it has no attention layer',
    );
    await refused({ method: 'gradcam' }).toMatchObject({ code: 'bad-config' });
    await refused({ layer: 'features' }).toThrow('layer: "features" is [batch, 3], which has no places of the image');
    await refused({ layer: 'nothing' }).toThrow('layer: the model has no value "nothing"');
    await refused({ method: 'integrated-gradients', layer: 'maps' }).toThrow('looks at no single layer');
    await expect(model.explain([image, new Uint8Array(9)])).rejects.toThrow('image 1 cannot be read');
    expect((await model.explain(image)).label).toBe('red');
    const viewed = await load({ tta: 'flip' });
    await expect(viewed.explain(image)).rejects.toThrow('tta: an explanation is of one view');
    await Promise.all([model.dispose(), viewed.dispose()]);
  });
});

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { compareGradient, type GradientSummary, loadNetwork, networkNames } from './reference.ts';

describe('PyTorch references', () => {
  test('there are thirteen networks, all but one without batch norm in two flavours', () => {
    const networks = new Set(networkNames.map((name) => name.split('-')[0]));
    expect(networks.size).toBe(13);
    expect(networkNames.length).toBe(25);
  });

  test.each(networkNames)('%s gives the logits and the loss of PyTorch', async (name) => {
    const { model, input, logits, loss, labels } = loadNetwork(name);
    const session = await InferenceSession.create(model);
    const outputs = await session.run({ [input.name]: new Tensor('float32', input.data, input.shape) });
    await session.release();
    const values = Array.from(outputs.logits.data as Float32Array);
    const classes = logits[0].length;
    const losses = labels.map((label, i) => {
      const row = values.slice(i * classes, (i + 1) * classes);
      return Math.log(row.reduce((all, x) => all + Math.exp(x), 0)) - row[label];
    });
    expect(Math.max(...logits.flat().map((x, i) => Math.abs(x - values[i])))).toBeLessThan(1e-4);
    expect(losses.reduce((all, x) => all + x, 0) / labels.length).toBeCloseTo(loss, 5);
  });

  // Signs of seed 1 and dot products as scripts/reference/generator.py gives them for the gradient 1, 2, …, 12.
  const summary: GradientSummary = {
    norm: Math.sqrt(650),
    sum: 78,
    projections: [2, -2, -12, -18, -16, 14, -40, 0],
    float32: 0,
    shape: [12],
    seed: 1,
  };
  const gradient = Float32Array.from({ length: 12 }, (_, i) => i + 1);

  test('a gradient equal to its reference is seen to be', () => {
    const { relative, cosine } = compareGradient(summary, gradient);
    expect(relative).toBeLessThan(1e-8);
    expect(cosine).toBeCloseTo(1, 8);
  });

  test.each([
    ['scaled by 1.01', gradient.map((x) => x * 1.01)],
    ['of the other sign', gradient.map((x) => -x)],
    ['in another order', gradient.toReversed()],
  ])('a gradient %s is seen to be wrong', (_, wrong) => {
    expect(compareGradient(summary, wrong).relative).toBeGreaterThan(5e-3);
  });

  test('a gradient of another size is refused', () => {
    expect(() => compareGradient(summary, new Float32Array(3))).toThrow('3 elements where 12 belong');
  });
});

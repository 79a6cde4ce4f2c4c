import type { Batch, BatchSource } from '../../../data/index.ts';
import { isText } from '../../../data/text/index.ts';
import { tensor } from '../../../onnx/index.ts';
import { Random } from '../../../random.ts';
import type { InputFormat } from '../../../session/index.ts';
import type { Task } from '../../../tasks/index.ts';
import { plainSource } from '../inputs.ts';

const SAMPLES = 8;

/**
 * Random samples to compare an exported model with its training if there is no data. Thaw measures nothing on them. For images, normalized
 * noise; for texts, the class names.
 */
export function noiseSource(format: InputFormat, task: Task, seed: number): BatchSource {
  if (isText(format)) {
    const samples = task.classes.slice(0, SAMPLES).map((text) => ({ file: '', label: 0, text }));
    return plainSource(samples, format);
  }
  const { width, height, channels, layout } = format;
  const depth = channels === 'grey' ? 1 : 3;
  const shape = layout === 'nchw' ? [1, depth, height, width] : [1, height, width, depth];
  return { length: SAMPLES, batches: () => images(shape, new Random(seed, 'noise'), task.outputs) };
}

async function* images(shape: readonly number[], random: Random, outputs: number): AsyncGenerator<Batch> {
  const size = shape.reduce((all, side) => all * side, 1);
  for (let index = 0; index < SAMPLES; index++) {
    const pixels = Float32Array.from({ length: size }, () => random.between(-2, 2));
    const inputs = [tensor('float32', shape, pixels)];
    yield { inputs, labels: new BigInt64Array(1), targets: new Float32Array(outputs), indices: [index] };
  }
}

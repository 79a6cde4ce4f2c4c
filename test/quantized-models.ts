import { type Model, quantized, type Tensor } from '../src/onnx/index.ts';
import { pretrained, SIDE } from './node/commands/project.ts';
import { type NodeLine, smallModel, tensor } from './small-models.ts';

const scalar = (value: number): Tensor => tensor('float32', [], () => value);

/**
 * The small pretrained model as ONNX Runtime's quantizer writes it: every value that an operator takes or gives is rounded to uint8, weights
 * are int8 with one scale or one a channel, biases int32.
 */
export function quantizedPretrained({ perChannel }: { readonly perChannel: boolean }): Model {
  const { graph } = pretrained();
  const initializers: Record<string, Tensor> = {};
  const nodes: NodeLine[] = [];
  const scales = { input: 0.016, s: 0.02, b: 0.02, p: 0.01, output: 0.012 } as const;
  const round = (value: string, like: keyof typeof scales, as = `${value}_DequantizeLinear_Output`) => {
    initializers[`${like}_scale`] = scalar(scales[like]);
    initializers[`${like}_zero_point`] = tensor('uint8', [], () => 128);
    const how = [`${like}_scale`, `${like}_zero_point`];
    nodes.push(['QuantizeLinear', [value, ...how], [`${value}_QuantizeLinear_Output`]]);
    nodes.push(['DequantizeLinear', [`${value}_QuantizeLinear_Output`, ...how], [as]]);
    return as;
  };
  const weight = (name: string, before: number) => {
    const contents = graph.initializers.get(name)!;
    const [channels] = contents.shape;
    const step = (values: Float32Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127;
    const data = contents.data as Float32Array;
    const size = data.length / channels;
    const own = Array.from({ length: channels }, (_, i) => Math.fround(step(data.slice(i * size, (i + 1) * size))));
    const isBias = contents.shape.length === 1;
    const all = isBias ? own.map((_, i) => Math.fround(before * weightScale[i % weightScale.length])) : own;
    const scale = perChannel ? all : [isBias ? Math.fround(before * weightScale[0]) : Math.max(...own)];
    if (!isBias) weightScale = scale;
    const shape = perChannel ? [channels] : [];
    const type = isBias ? 'int32' : 'int8';
    initializers[`${name}_quantized`] = quantized(contents, { type, scale, zero: scale.map(() => 0), axis: 0 });
    initializers[`${name}_scale`] = tensor('float32', shape, (i) => scale[i]);
    initializers[`${name}_zero_point`] = tensor(type, shape, () => 0);
    const inputs = ['quantized', 'scale', 'zero_point'].map((part) => `${name}_${part}`);
    nodes.push(['DequantizeLinear', inputs, [name], perChannel ? { axis: 0 } : {}]);
    return name;
  };
  let weightScale: readonly number[] = [];
  let value = round('input', 'input');
  const layer = (op: string, name: string, from: number, to: string, attributes: NodeLine[3]) => {
    nodes.push([
      op,
      [value, weight(`${name}.weight`, from), weight(`${name}.bias`, from)],
      [to],
      attributes,
      `/${name}/${op}`,
    ]);
  };
  layer('Conv', 'stem', scales.input, 's', { pads: [1, 1, 1, 1], strides: [2, 2] });
  value = round('s', 's');
  nodes.push(['Relu', [value], ['r'], {}, '/stem/Relu']);
  value = round('r', 's');
  layer('Conv', 'block', scales.s, 'b', { pads: [1, 1, 1, 1] });
  value = round('b', 'b');
  nodes.push(['Relu', [value], ['q'], {}, '/block/Relu']);
  value = round('q', 'b');
  nodes.push(['GlobalAveragePool', [value], ['p'], {}, '/pool']);
  value = round('p', 'p');
  nodes.push(['Flatten', [value], ['f'], {}, '/Flatten']);
  value = round('f', 'p');
  layer('Gemm', 'fc', scales.p, 'scores', { transB: 1 });
  round('scores', 'output', 'output');
  return smallModel({
    inputs: { input: ['batch', 3, SIDE, SIDE] },
    outputs: { output: ['batch', 5] },
    initializers,
    nodes,
  });
}

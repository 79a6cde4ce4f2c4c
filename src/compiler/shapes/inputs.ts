import { ThawError } from '../../errors.ts';
import {
  type DataType,
  type Dimension,
  dataInputsOf,
  type Model,
  type Shape,
  type ValueInfo,
} from '../../onnx/index.ts';
import { own } from '../../own.ts';

/** An input for data, which is not an initializer. Its dimensions are known or have names. */
export interface DataInput {
  readonly name: string;
  readonly type: DataType;
  readonly shape: Shape;
}

export interface DataInputs {
  readonly inputs: readonly DataInput[];
  /** The batch size that the file fixes, if it does. */
  readonly fixedBatch?: number;
}

/** The model's data inputs with the shapes that the user gives; the first dimension of the first input is called `batch`. */
export function dataInputs(model: Model, given: Readonly<Record<string, readonly Dimension[]>> = {}): DataInputs {
  const infos = dataInputsOf(model.graph);
  const names = infos.map(({ name }) => name);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ThawError('bad-config', `the model has no input "${unknown}"`, `Its inputs are ${names.join(', ')}`);
  }
  if (infos.length === 0) throw new ThawError('bad-model', 'the model has no input', 'Give a model that takes data');
  if (model.graph.outputs.length === 0)
    throw new ThawError('bad-model', 'the model has no output', 'Give a model that computes something');
  const shapes = infos.map((info) => declaredShape(info, own(given, info.name)));
  const main = Math.max(
    0,
    shapes.findIndex((shape) => shape.length >= 2),
  );
  const first = shapes[main][0];
  const inputs = infos.map(({ name, type }, i): DataInput => {
    const shape = shapes[i].map((d, axis) => {
      if (axis === 0 && (i === main || d === null)) return typeof d === 'number' ? d : 'batch';
      return d === first && typeof d === 'string' ? 'batch' : named(d, axis, infos[i], shapes[i]);
    });
    return { name, type: type!, shape };
  });
  return { inputs, fixedBatch: typeof first === 'number' ? first : undefined };
}

function declaredShape(info: ValueInfo, given: readonly Dimension[] | undefined): readonly (Dimension | null)[] {
  const { name, type, shape } = info;
  if (!type)
    throw new ThawError('bad-model', `the input "${name}" is not a tensor`, 'Give a model whose inputs are tensors');
  if (!given) {
    if (!shape) throw sizesUnknown(name, 'no shape');
    return shape;
  }
  const clash =
    shape !== undefined &&
    (shape.length !== given.length ||
      shape.some((d, i) => typeof d === 'number' && typeof given[i] === 'number' && d !== given[i]));
  if (clash) {
    throw new ThawError(
      'bad-config',
      `the input "${name}" is [${shape?.map((d) => d ?? '?')}] in the file, which [${given}] does not fit`,
      'Change the sizes that the file leaves open only',
    );
  }
  return given.map((d, i) => (typeof shape?.[i] === 'number' ? shape[i] : d));
}

/** A sequence's length stays a symbol, even if each of its elements is a vector. An image's sizes must be numbers. */
function named(
  d: Dimension | null,
  axis: number,
  { name }: ValueInfo,
  shape: readonly (Dimension | null)[],
): Dimension {
  if (typeof d === 'number') return d;
  const isSequence = axis === 1 && shape.slice(2).every((size) => typeof size === 'number');
  if (!isSequence || d === null || shape.length > 3)
    throw sizesUnknown(name, `the shape [${shape.map((s) => s ?? '?').join(', ')}]`, shape);
  return d.replaceAll('*', '_') || `${name}.${axis}`;
}

function sizesUnknown(name: string, what: string, shape?: readonly (Dimension | null)[]): ThawError {
  const images = [3, 224, 224];
  const example = shape?.map((d, i) => (i === 0 ? 'batch' : typeof d === 'number' ? d : (images[i - 1] ?? 8))) ?? [
    'batch',
    ...images,
  ];
  return new ThawError(
    'bad-model',
    `the input "${name}" has ${what} in the file, which leaves its size open`,
    `Give the size with --input ${name}:${example.join('x')}`,
  );
}

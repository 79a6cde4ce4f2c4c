import { startingPoints } from '../../node/models/index.ts';
import { tableLines } from './table.ts';

/** Columns of numbers. */
const NUMERIC = [4, 5, 6];

/** The starting points as lines of text: a table, then how to use one. */
export function catalogueTable(): string {
  const head = ['model', 'architecture', 'kind', 'trained on', 'input', 'parameters', 'size', 'licence'];
  const points = startingPoints();
  const cells = points.map((point) => [
    point.model,
    point.architecture,
    point.kind,
    point.trainedOn,
    `${point.inputSize} px`,
    `${point.parameters.toFixed(1)} M`,
    `${point.megabytes} MB`,
    point.licence,
  ]);
  return [
    ...tableLines([head, ...cells], { right: (column) => NUMERIC.includes(column) }),
    '',
    `Use one:  ${points[0].command}`,
    "hf: models are fetched once and kept. Where the licence is not Apache-2.0, the terms are on the model's page.",
  ].join('\n');
}

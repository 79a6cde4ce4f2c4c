import { startingPoints } from '../../node/models/index.ts';
import { tableLines } from './table.ts';

/** Columns of numbers, aligned to the right. */
const NUMERIC = [4, 5, 6];

/** The starting points as a table, and how to use one. */
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
    "Thaw downloads hf: models once and caches them. For licences other than Apache-2.0, see the model's page.",
  ].join('\n');
}

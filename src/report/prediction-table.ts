/** Predictions as rows of a table. */
import { type Prediction, rankedLabels } from '../tasks/index.ts';

/** A predicted sample. */
export interface PredictedRow {
  /** A path; for a text, its location. */
  readonly file: string;
  readonly text?: string;
  /** Of a frame, seconds from the start of its video. */
  readonly time?: number;
  readonly prediction: Prediction;
}

/** The columns of a sample's row, in order. @param top most probable labels to list, each with its probability */
export function predictionColumns(
  { file, text, time, prediction }: PredictedRow,
  top = 1,
): readonly (readonly [name: string, value: unknown])[] {
  const sample = text === undefined ? ([['time', time]] as const) : ([['text', asText(text)]] as const);
  return [['file', asPath(file)], ...sample, ...valuesOf(prediction, top)];
}

function valuesOf(prediction: Prediction, top: number): readonly (readonly [string, unknown])[] {
  if ('embedding' in prediction) return [['embedding', prediction.embedding]];
  if ('values' in prediction) return Object.entries(prediction.values).map(([name, value]) => [asText(name), value]);
  const ranked = rankedLabels(prediction)!.slice(0, top);
  const best = ranked.flatMap(({ label, probability }, i) => [
    [`label_${i + 1}`, asText(label)] as const,
    [`probability_${i + 1}`, probability] as const,
  ]);
  if ('label' in prediction)
    return [['label', asText(prediction.label)], ['probability', prediction.probability], ...best.slice(2)];
  return [['labels', asText(prediction.labels.join('|'))], ...best];
}

/** Spreadsheets compute a cell with such a start. */
const FORMULA = /^[=+\-@\t\r]/;

/** A text that no spreadsheet takes for a formula. */
const asText = (text: string): string => (FORMULA.test(text) ? `'${text}` : text);

/** The same for a path, which stays the path of the same file. `-` is standard input. */
const asPath = (path: string): string => (FORMULA.test(path) && !/^-(:\d+)?$/.test(path) ? `./${path}` : path);

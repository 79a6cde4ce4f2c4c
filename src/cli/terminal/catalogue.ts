import { type ModelUse, recommendedModel, USES } from '../../catalogue.ts';
import type { FetchedModel, ListedModel, StepTime } from '../../node/commands/index.ts';
import { quoted } from '../../node/commands/paths.ts';
import { bytes, decimal } from '../../report/format.ts';
import { STEP_SAMPLES } from '../../session/index.ts';
import { tableLines } from './table.ts';

const HEAD = ['', 'model', 'size', 'licence', 'accuracy', 'step'];
/** Columns of numbers, aligned to the right. */
const NUMERIC = [2, 5];

const TITLES: Readonly<Record<ModelUse, string>> = {
  photos: 'Photographs: models that learned from the photographs of ImageNet',
  drawings: 'Drawings: the model in the package, which learned from pictograms',
  texts: 'Texts: encoders of English sentences',
};

/** The models by use, and how to use one. At most 80 columns. */
export function catalogueText(models: readonly ListedModel[]): string {
  const rows = models.map(rowOf);
  const [head, ...lines] = tableLines([HEAD, ...rows], { right: (column) => NUMERIC.includes(column) });
  const parts = USES.flatMap((use) => ['', TITLES[use], ...lines.filter((_, i) => models[i].use === use)]);
  return [head, ...parts, '', ...NOTES].join('\n');
}

const rowOf = ({ grade, name, megabytes, licence, accuracy, trainedOn, here, step }: ListedModel): string[] => [
  grade ?? '',
  name,
  `${megabytes} MB${here ? ' *' : '  '}`,
  licence,
  `${accuracy}% ${trainedOn}`,
  step ? stepText(step) : 'unknown',
];

const stepText = ({ seconds, measured }: StepTime): string =>
  `${measured ? decimal(seconds) : `~${decimal(Number(seconds.toPrecision(2)))}`} s`;

const NOTES = [
  `accuracy  published, on the model's own data (texts: tasks of English in MTEB)`,
  `step      a training step of all layers, ${STEP_SAMPLES} samples, here; ~ estimated`,
  '*         on this machine already; Thaw downloads the others once',
  '',
  `Start     thaw train ${recommendedModel('photos').name} IMAGES`,
  `Offline   thaw models get ${recommendedModel('photos').name}`,
  'More      any ONNX classifier of the Hugging Face hub works too: hf:owner/name',
];

/** A downloaded model, and how to use it. */
export function fetchedText({ model, path, bytes: size, sha256, step }: FetchedModel): string {
  return [
    `model   ${quoted(path)}`,
    `size    ${bytes(size)}`,
    `sha256  ${sha256}`,
    `step    ${step ? `${decimal(step.seconds)} s for all layers and ${STEP_SAMPLES} samples` : 'not measured: this model cannot train'}`,
    `Next    thaw train ${quoted(model)} IMAGES`,
  ].join('\n');
}

/** The samples of a request as a data set. Errors name a sample by its place, counted from 0. */
import {
  byCodeUnits,
  type Dataset,
  type LabelReading,
  labelCounts,
  type Sample,
  splitByLabels,
  stratifiedSplit,
  UNKNOWN,
} from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import { listed } from '../listed.ts';
import { type DatasetReading, type InputFormat, nounOf, type TrainSettings } from '../session/index.ts';
import type { LabelledSample } from './protocol.ts';

type Split = 'train' | 'val' | 'test';
const SPLITS: readonly Split[] = ['train', 'val', 'test'];

/** Any sample, before it is known whether it is one. */
interface Given {
  readonly image?: unknown;
  readonly text?: unknown;
  readonly label?: unknown;
  readonly labels?: unknown;
  readonly values?: unknown;
  readonly split?: unknown;
}

/**
 * @param reading `classes` are those of the model or of a federation, of which the samples may lack some
 * @throws ThawError `bad-data` naming the first sample that is wrong, or the class that lacks samples
 */
export function datasetOf(
  samples: readonly LabelledSample[],
  format: InputFormat,
  { labels: reading, classes: known }: DatasetReading,
  { labels: named, valFraction, seed }: Pick<TrainSettings, 'labels' | 'valFraction' | 'seed'>,
): Dataset {
  if (!Array.isArray(samples) || !samples.length) throw new ThawError('bad-data', 'there are no samples', 'Give some');
  const labels = samples.map((sample: Given, i) => {
    checkInput(sample, i, format);
    return readLabels(sample, i, reading);
  });
  // Chosen among those in the samples, unless they are a model's.
  const columns = reading.kind === 'class' || known ? undefined : reading.columns;
  const isUnknown = (i: number) => reading.kind === 'class' && !reading.unseen && namesIn(labels[i])[0] === UNKNOWN;
  const names = labels.flatMap((own, i) => (isUnknown(i) ? [] : namesIn(own)));
  const classes = known ?? columns ?? named ?? [...new Set(names)].sort(byCodeUnits);
  if (!known) checkNames(classes, reading);
  const read = rowReader(classes, reading, columns !== undefined);
  const splits: Record<Split, Sample[]> = { train: [], val: [], test: [] };
  const unknown: Sample[] = [];
  for (const [i, sample] of samples.entries()) {
    const text = isText(format) ? { text: sample.text } : {};
    if (isUnknown(i)) unknown.push({ file: String(i), ...text, label: -1 });
    else splits[splitOf(sample, i)].push({ file: String(i), ...text, ...read(labels[i], i) });
  }
  const holdsOut = splits.val.length === 0;
  if (!known && reading.kind === 'class') checkClasses(classes, splits, { holdsOut, unseen: reading.unseen });
  const split = reading.kind === 'labels' ? splitByLabels : stratifiedSplit;
  return { classes, ...splits, ...(holdsOut && split(splits.train, valFraction, seed)), problems: [], unknown };
}

const wrong = (i: number, message: string, hint: string) => new ThawError('bad-data', `samples[${i}] ${message}`, hint);

function checkInput({ image, text }: Given, i: number, format: InputFormat): void {
  const noun = nounOf(format);
  const [own, other] = noun === 'text' ? [text, image] : [image, text];
  const hint = `Give { ${noun}: … }`;
  if (other !== undefined) {
    const has = noun === 'text' ? 'an image' : 'a text';
    throw wrong(i, `has ${has}, and the model reads ${noun}s`, `${hint}, or another model`);
  }
  if (own === undefined) throw wrong(i, `has no ${noun}`, hint);
  if (noun === 'image') return;
  if (typeof own !== 'string') throw wrong(i, 'has a text that is not a string', hint);
  if (!own.trim()) throw wrong(i, 'has an empty text', 'Leave it out');
}

/** A sample's labels: names, or numbers by name. */
type Labels = readonly string[] | ReadonlyMap<string, number>;

const isNumbers = (labels: Labels): labels is ReadonlyMap<string, number> => labels instanceof Map;
const namesIn = (labels: Labels): readonly string[] => (isNumbers(labels) ? [...labels.keys()] : labels);

const FIELDS = { class: 'label', labels: 'labels', numbers: 'values' } as const;
const EXAMPLES = {
  class: "label: 'cat'",
  labels: "labels: ['sea', 'sun']",
  numbers: 'values: { weight: 4.1 }',
} as const;

/** @throws ThawError `bad-data` */
function readLabels(sample: Given, i: number, { kind }: LabelReading): Labels {
  const hint = `Give each sample ${EXAMPLES[kind]}`;
  const other = Object.values(FIELDS).find((field) => field !== FIELDS[kind] && sample[field] !== undefined);
  if (other) throw wrong(i, `has ${other}, and the task takes ${FIELDS[kind]}`, `${hint}, or choose another task`);
  const { label, labels, values } = sample;
  const isName = (name: unknown): name is string => typeof name === 'string' && name.trim() !== '';
  if (kind === 'class') {
    if (isName(label)) return [label.normalize('NFC')];
    throw wrong(i, label === undefined ? 'has no label' : `has the label ${JSON.stringify(label)}`, hint);
  }
  if (kind === 'labels') {
    if (Array.isArray(labels) && labels.every(isName)) return labels.map((name) => name.normalize('NFC'));
    const found = labels === undefined ? 'has no labels' : `has the labels ${JSON.stringify(labels)}`;
    throw wrong(i, found, `${hint}, or an empty list if it has none of them`);
  }
  if (typeof values !== 'object' || values === null) throw wrong(i, 'has no values', hint);
  return new Map(
    Object.entries(values).map(([name, value]: [string, unknown]) => {
      if (typeof value === 'number' && Number.isFinite(value)) return [name.normalize('NFC'), value];
      const said = typeof value === 'number' ? value : JSON.stringify(value);
      throw wrong(i, `has the value ${said} for "${name}"`, 'Give a finite number');
    }),
  );
}

/** The things that names name. */
const NOUNS = { class: 'class', labels: 'label', numbers: 'number' } as const;

/** @throws ThawError `bad-data` for too few names, and for names that are empty or given twice */
function checkNames(names: readonly string[], { kind }: LabelReading): void {
  const noun = NOUNS[kind];
  const empty = names.findIndex((name) => typeof name !== 'string' || name.trim() === '');
  if (empty >= 0) throw new ThawError('bad-data', `${noun} ${empty} has no name`, 'Give each a name of its own');
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new ThawError('bad-data', `"${twice}" is named twice`, `Give each ${noun} a name of its own`);
  if (kind === 'class' && names.length < 2) {
    const what = names.length ? `only one class, "${names[0]}"` : 'no class';
    throw new ThawError('bad-data', `the samples have ${what}`, 'A model needs two classes or more to tell apart');
  }
  if (names.length === 0) throw new ThawError('bad-data', `no sample has a ${noun}`, `Give some samples a ${noun}`);
}

/** Reads a sample's labels as the session takes them. @param chosen whether the names are a choice of those in the samples */
function rowReader(names: readonly string[], { kind }: LabelReading, chosen: boolean) {
  const places = new Map(names.map((name, i) => [name.normalize('NFC'), i]));
  const keys = [...places.keys()];
  return (labels: Labels, i: number): Pick<Sample, 'label' | 'targets'> => {
    const unknown = chosen ? undefined : namesIn(labels).find((name) => !places.has(name));
    if (unknown !== undefined) {
      const has = kind === 'numbers' ? `a value for "${unknown}"` : `the label "${unknown}"`;
      throw wrong(i, `has ${has}, and there is no such ${NOUNS[kind]}`, `There are ${listed(names)}`);
    }
    if (!isNumbers(labels)) {
      if (kind === 'class') return { label: places.get(labels[0])! };
      return { label: -1, targets: keys.map((name) => Number(labels.includes(name))) };
    }
    const lacking = keys.find((name) => !labels.has(name));
    if (lacking === undefined) return { label: -1, targets: keys.map((name) => labels.get(name)!) };
    throw wrong(i, `has no value for "${lacking}"`, `Give each sample all of ${listed(names)}`);
  };
}

function splitOf({ split = 'train' }: Given, i: number): Split {
  const found = SPLITS.find((name) => name === split);
  if (found) return found;
  throw wrong(i, `has the split ${JSON.stringify(split)}`, 'It must be train, val or test');
}

/** Each class needs samples to train on, and one more if a part is held out. */
function checkClasses(
  classes: readonly string[],
  splits: Readonly<Record<Split, readonly Sample[]>>,
  { holdsOut, unseen = false }: { readonly holdsOut: boolean; readonly unseen?: boolean },
): void {
  const counts = SPLITS.map((split) => labelCounts(splits[split], classes.length));
  for (const [label, name] of classes.entries()) {
    const [train, ...others] = counts.map((of) => of[label]);
    const elsewhere = SPLITS.slice(1).find((_, i) => others[i] > 0);
    const fail = (message: string, hint: string) => {
      throw new ThawError('bad-data', `class "${name}" ${message}`, hint);
    };
    if (train === 0 && elsewhere === undefined) fail('has no samples', 'Add some, or leave the class out');
    if (train === 0 && !unseen) fail(`is in ${elsewhere} but not in train`, 'Put some of its samples into train');
    if (train === 1 && holdsOut)
      fail('has one sample, so that none can be held out for validation', "Add samples, or give some split: 'val'");
  }
}

import { relative, resolve } from 'node:path';
import { ThawError } from '../../errors.ts';
import { byCodeUnits, splitByLabels, stratifiedSplit } from '../split.ts';
import { type DataProblem, type Dataset, type LabelReading, type Sample, UNKNOWN } from '../types.ts';
import { checkImages, isProblem, type Verification } from './check.ts';
import { type Entry, type Listing, listDataset } from './listing.ts';
import { labelled, targetNames } from './targets.ts';

export interface OpenDatasetOptions {
  /** Seed for the choice of validation samples, if the data set has no `val`. */
  readonly seed?: number;
  /** Fraction of each class to hold out if the data set has no `val`. Default: 0.2. 1 holds out everything if there are no splits. */
  readonly valFraction?: number;
  /** Fails at the first file that is not an image. Otherwise such files are skipped and listed. */
  readonly strict?: boolean;
  /** The classes of a model, in the order of its outputs. The data set can have a subset of them, but no others. */
  readonly classes?: readonly string[];
  /** Default: one class per image. */
  readonly labels?: LabelReading;
  readonly verification?: Verification;
  /** Stops opening, which takes a while for many images. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a data set: class folders, optionally inside `train`, `val` (`valid`, `validation`) and `test`; a CSV or JSON lines file with
 * `file_name,label` (or the columns of `labels`) and optionally `split`; or a folder with such a file named `metadata` or `labels`. Classes
 * are sorted by name. The result depends only on names, contents and the seed, not on the machine.
 *
 * @throws {ThawError} `not-found`, `bad-data` or `bad-config`; the reason of `signal`
 */
export async function openDataset(path: string, options: OpenDatasetOptions = {}): Promise<Dataset> {
  const { seed = 0, valFraction = 0.2, strict = false } = options;
  const reading: LabelReading = options.labels ?? { kind: 'class' };
  if (!(valFraction >= 0 && valFraction <= 1)) {
    throw new ThawError('bad-config', `the validation fraction is ${valFraction}`, 'Use a number from 0 to 1');
  }
  const root = resolve(path);
  const whole = await listDataset(root, reading);
  const { images: usable, problems } = await usableImages(root, whole, { ...options, strict });
  const { listing, images, unknown } = withoutUnknown(path, whole, usable, reading);
  const classes = options.classes ?? targetNames(listing, reading);
  if (listing.entries.length > 0 && images.length === 0) {
    const first = problems[0];
    throw new ThawError(
      'bad-data',
      `${path}: none of its ${problems.length} files is a usable image (${first.file}: ${first.reason})`,
      'Put JPEG or PNG files into the class folders',
    );
  }
  if (options.classes) matchClasses(path, classes, listing);
  else if (reading.kind === 'class') checkClasses(path, classes, listing, images, reading.unseen);

  const splits = { train: [] as Sample[], val: [] as Sample[], test: [] as Sample[] };
  const sampleOf = labelled(classes, reading);
  for (const entry of images) splits[entry.split ?? 'train'].push(sampleOf(entry));
  const holdsOut = valFraction > 0 && !listing.entries.some(({ split }) => split === 'val');
  const hasSplits = listing.entries.some(({ split }) => split);
  if (valFraction === 1) {
    if (!hasSplits) Object.assign(splits, { train: [], val: splits.train });
  } else if (holdsOut) {
    if (!options.classes && reading.kind === 'class') checkEnoughToSplit(path, classes, splits.train);
    const split = reading.kind === 'labels' ? splitByLabels : stratifiedSplit;
    Object.assign(splits, split(splits.train, valFraction, seed));
  }
  return { classes, ...splits, problems, unknown };
}

/** Separates the examples of none of the classes. They have no split: nothing is trained on them. */
function withoutUnknown(path: string, listing: Listing, images: readonly Entry[], reading: LabelReading) {
  const isKnown = ({ label }: Entry) => reading.kind !== 'class' || label !== UNKNOWN;
  const unknown = images.filter((entry) => !isKnown(entry)).map(({ file }): Sample => ({ file, label: -1 }));
  const emptyFolders = listing.emptyFolders.filter(([label]) => label !== UNKNOWN);
  if (unknown.length && reading.kind === 'class' && reading.unseen) throw unknownForEmbedding(path);
  return {
    listing: { ...listing, entries: listing.entries.filter(isKnown), emptyFolders },
    images: images.filter(isKnown),
    unknown,
  };
}

const unknownForEmbedding = (path: string) =>
  new ThawError(
    'bad-data',
    `${path}: ${UNKNOWN} has examples of none of the classes, and an embedding has no unknown samples`,
    'Remove them, or give the folder the name of a class',
  );

async function usableImages(
  root: string,
  { entries, strays }: Listing,
  { strict, verification = 'quick', signal }: OpenDatasetOptions,
) {
  const results = await checkImages(
    entries.map(({ file }) => file),
    verification,
    signal,
  );
  const outside = strays.map((file): DataProblem => ({ file, reason: 'not in a class folder' }));
  const problems = [...results.filter(isProblem), ...outside];
  problems.sort((a, b) => byCodeUnits(a.file, b.file));
  if (strict && problems.length > 0) {
    const some = problems.slice(0, 5).map(({ file, reason }) => `${relative(root, file) || file} (${reason})`);
    const more = problems.length > 5 ? ` and ${problems.length - 5} more` : '';
    throw new ThawError(
      'bad-data',
      `${problems.length} unusable files in ${root}: ${some.join(', ')}${more}`,
      'Remove them, or do not use --strict',
    );
  }
  return { images: entries.filter((_, i) => !isProblem(results[i])), problems };
}

function matchClasses(path: string, classes: readonly string[], { entries, emptyFolders }: Listing): void {
  const known = new Set(classes.map((name) => name.normalize('NFC')));
  const found = new Set([
    ...entries.flatMap(({ label, labels, numbers }) => (numbers ? [] : (labels ?? label))),
    ...emptyFolders.map(([label]) => label),
  ]);
  const unknown = [...found].filter((label) => !known.has(label)).sort(byCodeUnits);
  if (unknown.length === 0) return;
  const list = (names: readonly string[]) => names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
  throw new ThawError(
    'bad-data',
    `${path}: the model has no class ${unknown.length > 1 ? 'named one of ' : ''}${list(unknown)}; its ${classes.length} classes are ${list(classes)}`,
    'Use the class names of the model',
  );
}

/** Checks the requirements of training: at least two classes, each with training images. */
function checkClasses(
  path: string,
  classes: readonly string[],
  { entries, emptyFolders }: Listing,
  images: readonly Entry[],
  unseen = false,
): void {
  const fail = (message: string, hint: string): never => {
    throw new ThawError('bad-data', `${path}: ${message}`, hint);
  };
  const hasFiles = new Set(entries.map(({ label, split = 'train' }) => `${split} ${label}`));
  for (const [label, folder] of emptyFolders) {
    if (!hasFiles.has(`train ${label}`))
      fail(`class "${label}" is empty (${folder})`, 'Add images to the folder, or remove it');
  }
  const trained = new Set(images.filter(({ split }) => (split ?? 'train') === 'train').map(({ label }) => label));
  for (const label of classes) {
    if (trained.has(label) || (unseen && !hasFiles.has(`train ${label}`))) continue;
    if (hasFiles.has(`train ${label}`)) {
      const broken = entries.filter((entry) => entry.label === label && (entry.split ?? 'train') === 'train').length;
      fail(
        `class "${label}" is empty: none of its ${broken} files is a usable image`,
        'Add JPEG or PNG files, or remove it',
      );
    }
    const split = entries.find((entry) => entry.label === label)!.split;
    fail(`class "${label}" is in ${split} but not in train`, 'Move some of its images to train, or remove it');
  }
  if (classes.length < 2)
    fail(`it has only one class, "${classes[0]}"`, 'A classifier needs at least two classes: one folder for each');
}

function checkEnoughToSplit(path: string, classes: readonly string[], samples: readonly Sample[]): void {
  const counts = new Array(classes.length).fill(0);
  for (const { label } of samples) counts[label]++;
  const single = counts.indexOf(1);
  if (single < 0) return;
  throw new ThawError(
    'bad-data',
    `${path}: class "${classes[single]}" has only one image, so none can be held out for validation`,
    'Add images, or a val folder next to train',
  );
}

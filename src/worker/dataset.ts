/** The images of a request as a dataset, and what is no dataset of a page. */
import { type Dataset, type LabelReading, stratifiedSplit } from '../data/index.ts';
import { isText } from '../data/text/index.ts';
import { ThawError } from '../errors.ts';
import type { InputFormat, TrainSettings } from '../session/index.ts';
import type { OpenRequest, RemoteRoundRequest } from './protocol.ts';

/** @throws ThawError `bad-data` naming the first image whose label is no index into the classes */
function checkLabels({ classes, images }: Pick<OpenRequest, 'classes' | 'images'>): void {
  const wrong = images.findIndex(({ label }) => !Number.isInteger(label) || label < 0 || label >= classes.length);
  if (wrong < 0) return;
  throw new ThawError(
    'bad-data',
    `image ${wrong} has the label ${images[wrong].label}, and there are ${classes.length} classes`,
    `Give each image the index of its class, from 0 to ${classes.length - 1}`,
  );
}

/** All images by their place, as training ones if nothing else is stated. */
export function datasetOf({ classes, images }: OpenRequest): Dataset {
  checkLabels({ classes, images });
  for (const [label, name] of classes.entries()) {
    const count = images.filter((image) => image.label === label).length;
    if (count < 2) {
      throw new ThawError(
        'bad-data',
        `class "${name}" has ${count === 1 ? 'one image' : 'no images'}`,
        'Give each class at least two: one to learn from, one to check with',
      );
    }
  }
  return labelled({ classes, images }, classes);
}

/** The same by the classes of a federation, of which a machine may lack some. */
export function roundDatasetOf({ classes, images }: RemoteRoundRequest, known: readonly string[]): Dataset {
  checkLabels({ classes, images });
  const stranger = classes.find((name) => !known.includes(name));
  if (stranger === undefined) return labelled({ classes, images }, known);
  throw new ThawError('bad-data', `the federation has no class "${stranger}"`, `Its classes are ${known.join(', ')}`);
}

function labelled({ classes, images }: Pick<OpenRequest, 'classes' | 'images'>, known: readonly string[]): Dataset {
  const samples = images.map(({ label }, i) => ({ file: String(i), label: known.indexOf(classes[label]) }));
  const isHeld = (_: unknown, i: number) => images[i].validation === true;
  return {
    classes: known,
    train: samples.filter((sample, i) => !isHeld(sample, i)),
    val: samples.filter(isHeld),
    test: [],
    problems: [],
  };
}

/** With a part of each class held out, where none is. */
export function splitOf(dataset: Dataset, { valFraction, seed }: TrainSettings): Dataset {
  return dataset.val.length ? dataset : { ...dataset, ...stratifiedSplit(dataset.train, valFraction, seed) };
}

/** @throws ThawError `bad-data` for fewer than two classes, and for names that are empty or given twice */
export function checkClassNames(classes: readonly string[]): void {
  if (classes.length < 2)
    throw new ThawError('bad-data', `${classes.length} classes cannot be told apart`, 'Give at least two');
  const empty = classes.findIndex((name) => typeof name !== 'string' || name.trim() === '');
  if (empty >= 0) throw new ThawError('bad-data', `class ${empty} has no name`, 'Give each class a name of its own');
  const twice = classes.find((name, i) => classes.indexOf(name) < i);
  if (twice !== undefined)
    throw new ThawError('bad-data', `two classes are named "${twice}"`, 'Give each class a name of its own');
}

export function refuseOtherTasks(labels: LabelReading): void {
  if (labels.kind === 'class' && !labels.unseen) return;
  const what = labels.kind === 'class' ? 'embeddings' : labels.kind;
  throw new ThawError(
    'bad-config',
    `the federation learns ${what}, and a page has images of one class each`,
    'Join it with thaw federated join',
  );
}

export function refuseTexts(format: InputFormat): void {
  if (!isText(format)) return;
  throw new ThawError('bad-model', 'the model reads texts, and images are given', 'Use `thaw train` for texts');
}

/** Classes and their images: each change gives a new list. */
import { UNKNOWN } from '../../data/index.ts';
import type { Problem, StudioClass, StudioImage } from './types.ts';

type Classes = readonly StudioClass[];

/** Whether a class has examples of none of the classes. */
export const isNone = ({ name }: Pick<StudioClass, 'name'>): boolean => name === UNKNOWN;

/** The classes that a model learns. */
export const learnedOf = (classes: Classes): Classes => classes.filter((one) => !isNone(one));

/** A class as the page calls it. */
export const titleOf = (entry: Pick<StudioClass, 'name'>): string =>
  isNone(entry) ? 'None of these' : entry.name.trim();

/** What a model does not learn comes last, so that the others have the places of its outputs. */
const ordered = (classes: Classes): Classes => [...learnedOf(classes), ...classes.filter(isNone)];

/** The smallest name `Class N` that is free. */
export function freeName(classes: Classes): string {
  const taken = new Set(classes.map(({ name }) => name));
  let number = classes.length + 1;
  while (taken.has(`Class ${number}`)) number++;
  return `Class ${number}`;
}

export const withClass = (classes: Classes, id: string, name = freeName(classes)): Classes =>
  ordered([...classes, { id, name, images: [] }]);

export const withoutClass = (classes: Classes, id: string): Classes => classes.filter((one) => one.id !== id);

const changed = (classes: Classes, id: string, change: (one: StudioClass) => StudioClass): Classes =>
  classes.map((one) => (one.id === id ? change(one) : one));

export const renamed = (classes: Classes, id: string, name: string): Classes =>
  changed(classes, id, (one) => ({ ...one, name }));

export const withImages = (classes: Classes, id: string, images: readonly StudioImage[]): Classes =>
  changed(classes, id, (one) => ({ ...one, images: [...one.images, ...images] }));

/** With further classes; images of a name that is there are added to its class. */
export function withClasses(
  classes: Classes,
  added: readonly Pick<StudioClass, 'name' | 'images'>[],
  freshId: () => string,
): Classes {
  const all = [...classes];
  const places = new Map<string, number>();
  for (const [i, { name }] of classes.entries()) if (!places.has(name)) places.set(name, i);
  for (const { name, images } of added) {
    const place = places.get(name);
    if (place === undefined) {
      places.set(name, all.length);
      all.push({ id: freshId(), name, images });
    } else all[place] = { ...all[place], images: [...all[place].images, ...images] };
  }
  return ordered(all);
}

export const withoutImage = (classes: Classes, id: string, image: string): Classes =>
  changed(classes, id, (one) => ({ ...one, images: one.images.filter((other) => other.id !== image) }));

export const countImages = (classes: Classes): number =>
  classes.reduce((total, { images }) => total + images.length, 0);

/** Fewer than this learn badly: it is said, and forbids nothing. */
export const FEW = 8;

/** One to learn from, one to check with. */
const LEAST = 2;

/** Why the training cannot start, if so. */
export function whatIsMissing(all: Classes): Problem | undefined {
  const classes = learnedOf(all);
  if (classes.length < 2) return { message: 'One class alone cannot be told from another.', hint: 'Add a second one.' };
  const names = classes.map(({ name }) => name.trim());
  const nameless = names.indexOf('');
  if (nameless >= 0) return { message: `Class number ${nameless + 1} has no name.`, hint: 'Give it one.' };
  const seen = new Set<string>();
  const twice = names.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) return { message: `Two classes are called “${twice}”.`, hint: 'Rename one of them.' };
  const short = classes.find(({ images }) => images.length < LEAST);
  if (!short) return undefined;
  const has = short.images.length === 1 ? 'only one image' : 'no images yet';
  return { message: `“${short.name}” has ${has}.`, hint: 'Each class needs at least two, and better ten.' };
}

/** The classes with so few images that more would help. */
export const withFew = (classes: Classes): readonly StudioClass[] =>
  learnedOf(classes).filter(({ images }) => images.length < FEW);

/** Whether most images are photographs, as what cameras write tells: drawings and screenshots are PNG. */
export function arePhotographs(classes: Classes): boolean {
  const isJpeg = ({ blob }: StudioImage) => blob.type === 'image/jpeg';
  const all = classes.flatMap(({ images }) => images);
  return all.filter(isJpeg).length > all.length / 2;
}

import { expect, test } from 'vitest';
import { Random } from '../../../src/random.ts';
import { distances } from '../../../src/tasks/classification/unknown/detector.ts';
import { basisOf, fitDetector, placeSamples } from '../../../src/tasks/classification/unknown/fit.ts';
import {
  answerOf,
  fitUnknown,
  measureUnknown,
  openUnknown,
  readNote,
  refitThreshold,
} from '../../../src/tasks/classification/unknown/index.ts';
import { reportOf } from '../../../src/tasks/classification/unknown/report.ts';
import { studentQuantile, thresholdOf } from '../../../src/tasks/classification/unknown/threshold.ts';
import fixture from '../../fixtures/unknown.json' with { type: 'json' };

const CLASSES = 3;

test.each(Object.entries(fixture.cases))('distances equal those of scikit-learn: %s', (_, { size, ...given }) => {
  const samples = { features: Float32Array.from(given.train), labels: given.labels };
  const detector = fitDetector(placeSamples(samples, basisOf(samples, { classes: CLASSES, seed: 0 })), CLASSES)!;
  for (const [i, wanted] of given.distances.entries()) {
    const found = distances(Float32Array.from(given.new.slice(i * size, (i + 1) * size)), detector);
    // A basis in 8 bits costs some of the digits.
    const digits = detector.basis ? 0.01 : 1e-5;
    for (const [c, distance] of wanted.entries()) expect(found[c] / distance).toBeCloseTo(1, -Math.log10(2 * digits));
  }
});

test('the area and the rate of false positives equal those of scikit-learn', () => {
  const { known, unknown, auroc, fpr95 } = fixture.scores;
  const report = reportOf({ known, unknown, from: 'examples' }, 0.05);
  expect(report.unknown!.auroc).toBeCloseTo(auroc, 6);
  expect(report.unknown!.fpr95).toBeCloseTo(fpr95, 6);
});

test.each(fixture.t)('the quantile %d of t with %d degrees of freedom', (p, freedom, wanted) => {
  expect(studentQuantile(p, freedom) / wanted).toBeCloseTo(1, 3);
});

/** Features of samples around a point of each class. */
function samples(count: number, seed: number, { size = 40, spread = 0.3, centres = 'classes' } = {}) {
  const random = new Random(seed, 'samples');
  const labels = Array.from({ length: count }, (_, i) => i % CLASSES);
  const features = new Float32Array(count * size);
  labels.forEach((label, i) => {
    const centre = new Random(label, centres);
    for (let f = 0; f < size; f++)
      features[i * size + f] = Math.abs(centre.normal()) + spread * Math.abs(random.normal());
  });
  return { features, labels };
}

const FEATURES = { name: 'features', size: 40, channelsFirst: false };
const OPTIONS = { classes: CLASSES, seed: 0, features: FEATURES };
const rows = ({ features, labels }: { features: Float32Array; labels: readonly number[] }) => {
  const size = features.length / labels.length;
  return labels.map((_, i) => features.subarray(i * size, (i + 1) * size));
};

// With 200 features, more than the subspace has: it comes from the training samples, and new samples are further from it.
test.each([
  [0.05, 40, 20],
  [0.2, 40, 20],
  [0.1, 200, 3],
])('about a share of %d of new samples is called unknown, of %d features', (rate, size, repeats) => {
  let called = 0;
  for (let seed = 0; seed < repeats; seed++) {
    const [train, val, other] = [1, 2, 3].map((kind) => samples(150, 10 * seed + kind, { size }));
    const { note } = fitUnknown({ train, val }, { ...OPTIONS, features: { ...FEATURES, size } })!;
    const answer = answerOf(note, rate);
    const distance = openUnknown(note);
    called += rows(other).filter((row) => answer(distance(row)).unknown).length / 150 / repeats;
  }
  expect(called).toBeGreaterThan(rate / 3);
  expect(called).toBeLessThan(rate * 1.7);
});

test('few validation samples set a wide threshold, not one that their furthest crosses', () => {
  const known = [1, 1.1, 1.2, 1.3];
  expect(thresholdOf(known, 0.05)).toBeGreaterThan(1.4);
  expect(thresholdOf(known, 0.01)).toBeGreaterThan(thresholdOf(known, 0.05));
  expect(thresholdOf(known, 0.4)).toBe(1.2);
});

test('the score ranks like the distance, and its half is the threshold', () => {
  const [train, val] = [samples(60, 1), samples(60, 2)];
  const { note } = fitUnknown({ train, val }, OPTIONS)!;
  const threshold = thresholdOf(note.known, 0.05);
  const answer = answerOf(note);
  expect(answer(threshold)).toEqual({ unknown: false, unknownScore: 0.5 });
  const scores = [0, 0.5, 1, 2, 10, 1e3].map((factor) => answer(factor * threshold).unknownScore);
  expect(scores).toEqual([...new Set(scores)].sort((a, b) => a - b));
  expect(Math.min(...scores)).toBe(0);
  expect(Math.max(...scores)).toBeLessThan(1);
});

test('samples of other classes are further away, and examples measure it', () => {
  const [train, val, others] = [samples(60, 1), samples(60, 2), samples(30, 3, { centres: 'others' })];
  const { note, report } = fitUnknown({ train, val, unknown: others.features }, OPTIONS)!;
  expect(report.unknown).toMatchObject({ from: 'examples', samples: 30 });
  expect(report.unknown!.auroc).toBeGreaterThan(0.99);
  const answers = (of: typeof val) => rows(of).map((row) => answerOf(note)(openUnknown(note)(row)));
  expect(measureUnknown(answers(val), answers(others), 0.05).unknown!.recognised).toBe(report.unknown!.recognised);
  expect(fitUnknown({ train, val }, OPTIONS)!.report.unknown).toMatchObject({ from: 'left-out', samples: 60 });
});

test('the note is a function of the data and the seed, survives JSON, and stays small', () => {
  const of = (size: number, classes: number) => {
    const labels = Array.from({ length: 2 * classes }, (_, i) => i % classes);
    const random = new Random(0, 'wide');
    const features = Float32Array.from({ length: size * labels.length }, () => Math.abs(random.normal()));
    const data = {
      train: { features, labels },
      val: { features: features.subarray(0, 9 * size), labels: labels.slice(0, 9) },
    };
    return () => fitUnknown(data, { classes, seed: 1, features: { ...FEATURES, size } })!.note;
  };
  for (const [size, classes] of [
    [40, 3],
    [1280, 20],
    [60, 300],
  ]) {
    const makeNote = of(size, classes);
    const text = JSON.stringify(makeNote());
    expect(JSON.stringify(makeNote())).toBe(text);
    expect(readNote(JSON.parse(text))).toEqual(makeNote());
    expect(text.length).toBeLessThan(300_000);
  }
});

test('a new threshold keeps the detector', () => {
  const [train, val, other] = [samples(60, 1), samples(60, 2), samples(90, 3, { spread: 0.5 })];
  const { note } = fitUnknown({ train, val }, OPTIONS)!;
  const refitted = refitThreshold(note, { val: other }, 0.1)!;
  expect(refitted.note.detector).toEqual(note.detector);
  expect(refitted.note.rate).toBe(0.1);
  expect(refitted.report.known.called).toBeLessThanOrEqual(0.1);
  expect(refitThreshold(note, { val: { features: val.features.subarray(0, 80), labels: [0, 1] } })).toBeNull();
});

test('too few samples fit nothing', () => {
  const [train, val] = [samples(60, 1), samples(60, 2)];
  const first = (count: number) => ({
    features: val.features.subarray(0, 40 * count),
    labels: val.labels.slice(0, count),
  });
  expect(fitUnknown({ train, val: first(2) }, OPTIONS)).toBeNull();
  expect(fitUnknown({ train, val: first(3) }, OPTIONS)).not.toBeNull();
  expect(fitUnknown({ train: first(2), val }, { ...OPTIONS, classes: 4 })).toBeNull();
});

test('a damaged note is refused with its place', () => {
  const { note } = fitUnknown({ train: samples(60, 1), val: samples(60, 2) }, OPTIONS)!;
  expect(() => readNote({ ...note, rate: 2 })).toThrow('config.json: thaw.unknown cannot be read: rate');
  const damaged = { ...note, detector: { ...note.detector, lower: 'AAAA' } };
  expect(() => openUnknown(damaged)).toThrow('lower has another length');
  const zeros = { ...note, detector: { ...note.detector, lower: note.detector.lower.replace(/[^=]/g, 'A') } };
  expect(() => openUnknown(zeros)).toThrow('the diagonal of lower is not positive');
});

test('samples of a class can all be equal', () => {
  const known = { train: samples(30, 1, { spread: 0 }), val: samples(30, 2, { spread: 0 }) };
  const { note } = fitUnknown(known, OPTIONS)!;
  const answer = answerOf(note);
  const distance = openUnknown(readNote(JSON.parse(JSON.stringify(note))));
  expect(answer(distance(rows(known.val)[0])).unknown).toBe(false);
  const [other] = rows(samples(1, 3, { centres: 'others' }));
  expect(answer(distance(other)).unknown).toBe(true);
  for (const value of [0, distance(other), Number.MAX_VALUE]) {
    expect(answer(value).unknownScore).toBeGreaterThanOrEqual(0);
    expect(answer(value).unknownScore).toBeLessThanOrEqual(1);
  }
});

test('features that are no numbers lead to no error', () => {
  const spoiled = samples(30, 1);
  spoiled.features[7] = Number.POSITIVE_INFINITY;
  spoiled.features[47] = Number.NaN;
  expect(() => fitUnknown({ train: spoiled, val: samples(30, 2) }, OPTIONS)).not.toThrow();
});
